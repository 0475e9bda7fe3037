import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findRedis, freePort, type ServerProcess, toolsFolder } from '@chat-cluster/local-cluster';
import { expect } from 'chai';
import { askRedis } from './ask-redis.ts';
import type { ControlledServer, OnExit } from './controlled-server.ts';
import { eventually } from './eventually.ts';
import { spawnRedis } from './spawn-redis.ts';

/** Addresses of the members. All use the same port, as clients require that follow a primary by its name. */
const HOSTS = ['127.0.0.2', '127.0.0.3', '127.0.0.4'] as const;
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
 * is the primary at that time; `start` and `resume` bring it back with its old data and its old role of a primary.
 */
export async function controlledSentinel(dataDir: string, onExit: OnExit): Promise<ControlledServer> {
  const program = await findRedis(toolsFolder, () => {});
  const [port, sentinelPort] = [await freePort(), await freePort()];
  const password = randomBytes(16).toString('hex');
  const ordered = new Set<ServerProcess>();
  const run = async (name: string, configFile: string, folder: string, mode: string[] = []) => {
    const process = await spawnRedis(program, configFile, folder, mode);
    void process.exited.then((how) => onExit({ process: name, how, ordered: ordered.has(process) }));
    return process;
  };

  const members: Member[] = [];
  const sentinels: ServerProcess[] = [];
  for (const host of HOSTS) {
    const folder = join(dataDir, `redis-${host}`);
    const configFile = await configure(folder, redisConfig(folder, host, port, password));
    const url = `redis://:${password}@${host}:${port}`;
    members.push({ host, url, configFile, process: await run(`redis ${host}`, configFile, folder) });
  }
  await eventually(async () => {
    for (const { url } of members) expect(await askRedis(url, 'PING')).to.equal('PONG');
  });
  for (const host of HOSTS) {
    const folder = join(dataDir, `sentinel-${host}`);
    const configFile = await configure(folder, sentinelConfig(folder, host, { port, sentinelPort, password }));
    sentinels.push(await run(`sentinel ${host}`, configFile, folder, ['--sentinel']));
  }

  // The primary in the view of the sentinels. A server that returned with old data also regards itself as one for a
  // while.
  const primary = async (): Promise<Member> => {
    const info = String(await askRedis(`redis://${HOSTS[0]}:${sentinelPort}`, 'INFO', 'sentinel'));
    const member = members.find(({ host }) => info.includes(`address=${host}:`));
    if (!member) throw new Error('no sentinel names a primary');
    return member;
  };
  await eventually(async () => {
    for (const host of HOSTS) {
      const sentinel = `redis://${host}:${sentinelPort}`;
      expect(await askRedis(sentinel, 'SENTINEL', 'REPLICAS', GROUP)).to.have.length(2);
      expect(await askRedis(sentinel, 'SENTINEL', 'CKQUORUM', GROUP)).to.match(/^OK 3 /);
    }
  });

  let victim = await primary();
  return {
    name: 'redis',
    url: `redis+sentinel://:${password}@${HOSTS.map((host) => `${host}:${sentinelPort}`).join(',')}/${GROUP}`,
    port,
    pid: () => victim.process.pid,
    async kill(signal = 'SIGKILL') {
      victim = await primary();
      ordered.add(victim.process);
      process.kill(victim.process.pid, signal);
      await victim.process.exited;
    },
    expectExit() {
      for (const member of members) ordered.add(member.process);
    },
    async start() {
      if (!victim.process.ended()) return;
      const folder = join(dataDir, `redis-${victim.host}`);
      victim.process = await run(`redis ${victim.host}`, victim.configFile, folder);
    },
    async pause() {
      victim = await primary();
      process.kill(victim.process.pid, 'SIGSTOP');
    },
    async resume() {
      process.kill(victim.process.pid, 'SIGCONT');
    },
    async stop() {
      const all = [...sentinels, ...members.map((member) => member.process)];
      for (const one of all) ordered.add(one);
      await Promise.all(
        all.map(async (one) => {
          if (!one.ended()) process.kill(one.pid, 'SIGCONT');
          await one.end([{ signal: 'SIGTERM', withinMs: 2_000 }]);
        }),
      );
    },
  };
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
    `port ${port}`,
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
    ...(host === HOSTS[0] ? [] : [`replicaof ${HOSTS[0]} ${port}`]),
  ];
}

function sentinelConfig(
  folder: string,
  host: string,
  { port, sentinelPort, password }: { port: number; sentinelPort: number; password: string },
): string[] {
  return [
    `bind ${host}`,
    `port ${sentinelPort}`,
    'protected-mode no',
    `dir ${folder}`,
    `sentinel announce-ip ${host}`,
    `sentinel monitor ${GROUP} ${HOSTS[0]} ${port} 2`,
    `sentinel auth-pass ${GROUP} ${password}`,
    `sentinel down-after-milliseconds ${GROUP} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${GROUP} 6000`,
  ];
}
