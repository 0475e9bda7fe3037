import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findRedis, freePort, type RedisProgram, type ServerProcess, toolsFolder } from '@chat-cluster/local-cluster';
import { askRedis, expectAnswer } from './ask-redis.ts';
import { eventually } from './eventually.ts';
import { spawnRedis } from './spawn-redis.ts';

/** One server of a Redis Cluster, as a process that a test may end and start again at its place. */
export interface ClusterMember {
  /** Of this server alone, with the password. */
  url: string;
  port: number;
  id: string;
  kill(): Promise<void>;
  start(): Promise<void>;
  /** One command to this server, see {@link askRedis}. */
  ask(...command: string[]): Promise<string>;
}

export interface RedisCluster extends AsyncDisposable {
  /** `redis+cluster://…` with all primaries. */
  url: string;
  primaries: ClusterMember[];
  /** One each, when asked for. */
  replicas: ClusterMember[];
}

const PRIMARIES = 3;
const SLOTS = 16_384;
/** A server that is silent for so long is failed over. */
const NODE_TIMEOUT_MS = 2_000;

/** A Redis Cluster of three primaries that share the slots evenly, on free ports of loopback. Resolves when it serves. */
export async function startRedisCluster({ replicas = false } = {}): Promise<RedisCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'chat-redis-cluster-'));
  const program = await findRedis(toolsFolder, () => {});
  const password = randomBytes(16).toString('hex');
  const members: (ClusterMember & { stop(): Promise<void> })[] = [];
  const dispose = async () => {
    await Promise.all(members.map((member) => member.stop()));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    for (let i = 0; i < (replicas ? 2 : 1) * PRIMARIES; i++) members.push(await startMember(program, folder, password));
    const primaries = members.slice(0, PRIMARIES);
    await meet(members, primaries);
    for (const [i, replica] of members.slice(PRIMARIES).entries()) {
      const primary = primaries[i] as ClusterMember;
      await eventually(async () => expectAnswer(await replica.ask('CLUSTER', 'REPLICATE', primary.id), /^\+OK/));
    }
    await eventually(async () => {
      for (const member of members) expectAnswer(await member.ask('CLUSTER', 'INFO'), /cluster_state:ok/);
      for (const [i, replica] of members.slice(PRIMARIES).entries()) {
        expectAnswer(await replica.ask('INFO', 'replication'), /master_link_status:up/);
        expectAnswer(
          await (primaries[i] as ClusterMember).ask('CLUSTER', 'NODES'),
          new RegExp(`${replica.id} .* slave `),
        );
      }
    });
    const hosts = primaries.map(({ port }) => `127.0.0.1:${port}`).join(',');
    return {
      url: `redis+cluster://:${password}@${hosts}`,
      primaries,
      replicas: members.slice(PRIMARIES),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Makes them know each other, and gives each primary its share of the slots. */
async function meet(members: readonly ClusterMember[], primaries: readonly ClusterMember[]): Promise<void> {
  for (const [i, primary] of primaries.entries()) {
    const from = Math.floor((SLOTS * i) / PRIMARIES);
    const to = Math.floor((SLOTS * (i + 1)) / PRIMARIES) - 1;
    expectAnswer(await primary.ask('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to)), /^\+OK/);
    expectAnswer(await primary.ask('CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1)), /^\+OK/);
  }
  const [first, ...others] = members;
  for (const { port } of others) {
    const busPort = String(busPorts.get(port));
    expectAnswer((await first?.ask('CLUSTER', 'MEET', '127.0.0.1', String(port), busPort)) ?? '', /^\+OK/);
  }
  await eventually(async () => {
    for (const member of members) {
      expectAnswer(await member.ask('CLUSTER', 'INFO'), new RegExp(`cluster_known_nodes:${members.length}`));
    }
  });
}

/** The port of the members' own talk, by that of their clients. */
const busPorts = new Map<number, number>();

async function startMember(program: RedisProgram, parent: string, password: string) {
  const [port, busPort] = [await freePort(), await freePort()];
  busPorts.set(port, busPort);
  const folder = join(parent, String(port));
  await mkdir(folder);
  const configFile = join(folder, 'redis.conf');
  const lines = [
    'bind 127.0.0.1',
    `port ${port}`,
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
  const url = `redis://:${password}@127.0.0.1:${port}`;
  const ask = (...command: string[]) => askRedis(url, ...command);
  let server: ServerProcess = await run();
  const answers = () => eventually(async () => expectAnswer(await ask('PING'), /^\+PONG/));
  await answers();
  const id = (await ask('CLUSTER', 'MYID')).match(/[0-9a-f]{40}/)?.[0];
  if (!id) throw new Error('a server of a cluster has no id');
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
      await answers();
    },
    stop: () => server.end([{ signal: 'SIGTERM', withinMs: 2_000 }]),
  };
}
