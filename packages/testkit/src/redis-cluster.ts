import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findRedis, freePort, type RedisProgram, type ServerProcess, toolsFolder } from '@chat-cluster/local-cluster';
import { expect } from 'chai';
import { askRedis } from './ask-redis.ts';
import { eventually } from './eventually.ts';
import { spawnRedis } from './spawn-redis.ts';
import { redisTlsLines, type TlsIdentity } from './tls-identity.ts';

/** One server of a Redis Cluster, as a process that a test can end and start again at the same address. */
export interface ClusterMember {
  /** URL of this server only, with the password. */
  url: string;
  port: number;
  id: string;
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Sends one command to this server, see {@link askRedis}. */
  ask(...command: string[]): Promise<unknown>;
}

export interface RedisCluster extends AsyncDisposable {
  /** `redis+cluster://…`, or `rediss+cluster://…`, with all primaries. */
  url: string;
  primaries: ClusterMember[];
  /** One for each primary, if requested. */
  replicas: ClusterMember[];
}

const PRIMARIES = 3;
const SLOTS = 16_384;
/** Silence after which a server is failed over, in ms. */
const NODE_TIMEOUT_MS = 2_000;

/**
 * Starts a Redis Cluster of three primaries with equal shares of the slots, on free ports of loopback. Resolves when it
 * accepts commands. With `tls`, whose authority this process must trust, it accepts only TLS.
 */
export async function startRedisCluster({
  replicas = false,
  tls,
}: {
  replicas?: boolean;
  tls?: TlsIdentity;
} = {}): Promise<RedisCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'chat-redis-cluster-'));
  const program = await findRedis(toolsFolder, () => {});
  const password = randomBytes(16).toString('hex');
  const members: (ClusterMember & { stop(): Promise<void> })[] = [];
  const dispose = async () => {
    await Promise.all(members.map((member) => member.stop()));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    for (let i = 0; i < (replicas ? 2 : 1) * PRIMARIES; i++) {
      members.push(await startMember(program, folder, password, tls));
    }
    const primaries = members.slice(0, PRIMARIES);
    await meet(members, primaries);
    for (const [i, replica] of members.slice(PRIMARIES).entries()) {
      const primary = primaries[i] as ClusterMember;
      await eventually(async () => expect(await replica.ask('CLUSTER', 'REPLICATE', primary.id)).to.equal('OK'));
    }
    await eventually(async () => {
      for (const member of members) expect(await member.ask('CLUSTER', 'INFO')).to.include('cluster_state:ok');
      for (const [i, replica] of members.slice(PRIMARIES).entries()) {
        expect(await replica.ask('INFO', 'replication')).to.include('master_link_status:up');
        const nodes = await (primaries[i] as ClusterMember).ask('CLUSTER', 'NODES');
        expect(nodes).to.match(new RegExp(`${replica.id} .* slave `));
      }
    });
    const hosts = primaries.map(({ port }) => `127.0.0.1:${port}`).join(',');
    return {
      url: `${tls ? 'rediss' : 'redis'}+cluster://:${password}@${hosts}`,
      primaries,
      replicas: members.slice(PRIMARIES),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Assigns each primary its share of the slots and joins the members into one cluster. */
async function meet(members: readonly ClusterMember[], primaries: readonly ClusterMember[]): Promise<void> {
  for (const [i, primary] of primaries.entries()) {
    const from = Math.floor((SLOTS * i) / PRIMARIES);
    const to = Math.floor((SLOTS * (i + 1)) / PRIMARIES) - 1;
    expect(await primary.ask('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to))).to.equal('OK');
    expect(await primary.ask('CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1))).to.equal('OK');
  }
  const [first, ...others] = members;
  for (const { port } of others) {
    const busPort = String(busPorts.get(port));
    expect(await first?.ask('CLUSTER', 'MEET', '127.0.0.1', String(port), busPort)).to.equal('OK');
  }
  await eventually(async () => {
    for (const member of members) {
      expect(await member.ask('CLUSTER', 'INFO')).to.include(`cluster_known_nodes:${members.length}`);
    }
  });
}

/** Port of the cluster bus of each member, by its client port. */
const busPorts = new Map<number, number>();

async function startMember(program: RedisProgram, parent: string, password: string, tls: TlsIdentity | undefined) {
  const [port, busPort] = [await freePort(), await freePort()];
  busPorts.set(port, busPort);
  const folder = join(parent, String(port));
  await mkdir(folder);
  const configFile = join(folder, 'redis.conf');
  const lines = [
    'bind 127.0.0.1',
    ...(tls ? [...redisTlsLines(port, tls), 'tls-cluster yes'] : [`port ${port}`]),
    `dir ${folder}`,
    `requirepass ${password}`,
    `masterauth ${password}`,
    'cluster-enabled yes',
    `cluster-port ${busPort}`,
    `cluster-node-timeout ${NODE_TIMEOUT_MS}`,
    'cluster-require-full-coverage no',
    'appendonly no',
    'save ""',
    'repl-diskless-sync-delay 0',
  ];
  await writeFile(configFile, `${lines.join('\n')}\n`, { mode: 0o600 });
  const run = () => spawnRedis(program, configFile, folder);
  const url = `${tls ? 'rediss' : 'redis'}://:${password}@127.0.0.1:${port}`;
  const ask = (...command: string[]) => askRedis(url, ...command);
  let server: ServerProcess = await run();
  const responds = () => eventually(async () => expect(await ask('PING')).to.equal('PONG'));
  await responds();
  const id = String(await ask('CLUSTER', 'MYID'));
  return {
    url,
    port,
    id,
    ask,
    async kill() {
      process.kill(server.pid, 'SIGKILL');
      await server.exited;
    },
    async start() {
      server = await run();
      await responds();
    },
    stop: () => server.end([{ signal: 'SIGTERM', withinMs: 2_000 }]),
  };
}
