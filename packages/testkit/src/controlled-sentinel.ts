import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { findRedis, freePort, type RedisProgram, type ServerProcess, toolsFolder } from '@chat-cluster/local-cluster';
import { expect } from 'chai';
import { askRedis } from './ask-redis.ts';
import type { ControlledServer, OnExit } from './controlled-server.ts';
import { eventually } from './eventually.ts';
import { spawnRedis } from './spawn-redis.ts';
import { redisTlsLines, type TlsIdentity } from './tls-identity.ts';

/** Addresses of the members. All use the same port, as clients require that follow a primary by its name. */
export const SENTINEL_HOSTS = ['127.0.0.2', '127.0.0.3', '127.0.0.4'] as const;
const GROUP = 'chat';
/** Silence after which the sentinels regard the primary as down, in ms. */
const DOWN_AFTER_MS = 2_000;

interface Member {
  host: string;
  url: string;
  configFile: string;
  process: ServerProcess;
}

/**
 * A primary with two replicas and three sentinels, each a process of its own. `kill` and `pause` act on the server that
 * is the primary at that time; `start` and `resume` bring it back with its old data and its old role of a primary. With
 * `tls`, whose authority this process must trust, all of them accept only TLS.
 */
export async function controlledSentinel(
  dataDir: string,
  onExit: OnExit,
  tls?: TlsIdentity,
): Promise<ControlledServer> {
  const group = new SentinelGroup(dataDir, onExit, tls);
  try {
    await group.startAll();
    return group;
  } catch (error) {
    await group.stop();
    throw error;
  }
}

class SentinelGroup implements ControlledServer {
  readonly name = 'redis';
  url = '';
  port = 0;
  #dataDir: string;
  #onExit: OnExit;
  #tls: TlsIdentity | undefined;
  #scheme: 'redis' | 'rediss';
  #password = randomBytes(16).toString('hex');
  #sentinelPort = 0;
  #program: RedisProgram | undefined;
  #members: Member[] = [];
  #sentinels: ServerProcess[] = [];
  /** The server that the last fault acted on. */
  #victim: Member | undefined;
  #ordered = new Set<ServerProcess>();

  constructor(dataDir: string, onExit: OnExit, tls: TlsIdentity | undefined) {
    this.#dataDir = dataDir;
    this.#onExit = onExit;
    this.#tls = tls;
    this.#scheme = tls ? 'rediss' : 'redis';
  }

  async startAll(): Promise<void> {
    [this.port, this.#sentinelPort] = [await freePort(), await freePort()];
    const sentinels = SENTINEL_HOSTS.map((host) => `${host}:${this.#sentinelPort}`);
    this.url = `${this.#scheme}+sentinel://:${this.#password}@${sentinels}/${GROUP}`;
    this.#program = await findRedis(toolsFolder, () => {});
    for (const host of SENTINEL_HOSTS) await this.#startMember(host);
    await eventually(async () => {
      for (const { url } of this.#members) expect(await askRedis(url, 'PING')).to.equal('PONG');
    });
    for (const host of SENTINEL_HOSTS) await this.#startSentinel(host);
    await eventually(async () => {
      for (const host of SENTINEL_HOSTS) {
        expect(await this.#askSentinel(host, 'SENTINEL', 'REPLICAS', GROUP)).to.have.length(2);
        expect(await this.#askSentinel(host, 'SENTINEL', 'CKQUORUM', GROUP)).to.match(/^OK 3 /);
      }
    });
    this.#victim = await this.#primary();
  }

  pid(): number {
    return this.#victim?.process.pid ?? 0;
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#victim = await this.#primary();
    this.#ordered.add(this.#victim.process);
    process.kill(this.#victim.process.pid, signal);
    await this.#victim.process.exited;
  }

  expectExit(): void {
    for (const member of this.#members) this.#ordered.add(member.process);
  }

  async start(): Promise<void> {
    const victim = this.#victim;
    if (victim?.process.ended()) victim.process = await this.#run(`redis ${victim.host}`, victim.configFile);
  }

  async pause(): Promise<void> {
    this.#victim = await this.#primary();
    process.kill(this.#victim.process.pid, 'SIGSTOP');
  }

  async resume(): Promise<void> {
    if (this.#victim) process.kill(this.#victim.process.pid, 'SIGCONT');
  }

  async stop(): Promise<void> {
    const all = [...this.#sentinels, ...this.#members.map((member) => member.process)];
    for (const one of all) this.#ordered.add(one);
    await Promise.all(
      all.map(async (one) => {
        if (!one.ended()) process.kill(one.pid, 'SIGCONT');
        await one.end([{ signal: 'SIGTERM', withinMs: 2_000 }]);
      }),
    );
  }

  async #startMember(host: string): Promise<void> {
    const folder = join(this.#dataDir, `redis-${host}`);
    const configFile = await configure(folder, [
      ...redisConfig(folder, host, this.port, this.#password),
      ...this.#portLines(this.port),
    ]);
    const url = `${this.#scheme}://:${this.#password}@${host}:${this.port}`;
    this.#members.push({ host, url, configFile, process: await this.#run(`redis ${host}`, configFile) });
  }

  async #startSentinel(host: string): Promise<void> {
    const folder = join(this.#dataDir, `sentinel-${host}`);
    const lines = sentinelConfig(folder, host, this.port, this.#password);
    const configFile = await configure(folder, [...lines, ...this.#portLines(this.#sentinelPort)]);
    this.#sentinels.push(await this.#run(`sentinel ${host}`, configFile, ['--sentinel']));
  }

  #portLines(port: number): string[] {
    return this.#tls ? redisTlsLines(port, this.#tls) : [`port ${port}`];
  }

  async #run(name: string, configFile: string, mode: string[] = []): Promise<ServerProcess> {
    const process = await spawnRedis(this.#program as RedisProgram, configFile, dirname(configFile), mode);
    void process.exited.then((how) => this.#onExit({ process: name, how, ordered: this.#ordered.has(process) }));
    return process;
  }

  /** The primary in the view of the sentinels. A server that returned with old data also has this role for a while. */
  async #primary(): Promise<Member> {
    const info = String(await this.#askSentinel(SENTINEL_HOSTS[0], 'INFO', 'sentinel'));
    const member = this.#members.find(({ host }) => info.includes(`address=${host}:`));
    if (!member) throw new Error('no sentinel names a primary');
    return member;
  }

  #askSentinel(host: string, ...command: string[]): Promise<unknown> {
    return askRedis(`${this.#scheme}://${host}:${this.#sentinelPort}`, ...command);
  }
}

async function configure(folder: string, lines: string[]): Promise<string> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'redis.conf');
  await writeFile(file, `${lines.join('\n')}\n`, { mode: 0o600 });
  return file;
}

/** The settings of production, and those by which a member is found under its own address. */
function redisConfig(folder: string, host: string, port: number, password: string): string[] {
  return [
    `bind ${host}`,
    'protected-mode no',
    `dir ${folder}`,
    `requirepass ${password}`,
    `masterauth ${password}`,
    `replica-announce-ip ${host}`,
    'repl-diskless-sync-delay 0',
    'appendonly yes',
    'appendfsync everysec',
    'save ""',
    'maxmemory-policy noeviction',
    ...(host === SENTINEL_HOSTS[0] ? [] : [`replicaof ${SENTINEL_HOSTS[0]} ${port}`]),
  ];
}

function sentinelConfig(folder: string, host: string, port: number, password: string): string[] {
  return [
    `bind ${host}`,
    'protected-mode no',
    `dir ${folder}`,
    `sentinel announce-ip ${host}`,
    `sentinel monitor ${GROUP} ${SENTINEL_HOSTS[0]} ${port} 2`,
    `sentinel auth-pass ${GROUP} ${password}`,
    `sentinel down-after-milliseconds ${GROUP} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${GROUP} 6000`,
  ];
}
