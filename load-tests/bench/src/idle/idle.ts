/*
 * What an idle connection weighs, ours beside a stock Socket.IO server with the same adapter (stock-server.ts).
 *
 *   for each round, for each of the two:  start it, fresh ─▶ read its memory ─▶ N connections ─▶ settle ─▶ read again
 *   in the last round also the CPU of a while of rest, in which there are only heartbeats
 *
 * Rounds alternate, so that what the machine does meanwhile happens to both; the figure is the median of the rounds.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { repository, startService } from '@chat-cluster/local-cluster';
import { eventually, freshDatabase, privateServers } from '@chat-cluster/testkit';
import { cpuSeconds } from '../cpu.ts';
import type { Memory } from './probe.ts';

export interface IdleOptions {
  connections: number;
  rounds: number;
  /** Seconds of rest in the last round; a multiple of the 25 s between two heartbeats. */
  restSeconds: number;
  log(line: string): void;
}

/** Bytes for each connection: the median of the rounds, and each round. */
export interface IdleFigures {
  connections: number;
  rounds: number;
  ours: Memory;
  stock: Memory;
  /** ours / stock. */
  ratio: Memory;
  each: { ours: Memory[]; stock: Memory[] };
  /** Microseconds of CPU a connection and second at rest, with what the process needs by itself. */
  cpu: { ours: number; stock: number };
}

const SECRET = 'a secret of the idle benchmark, long enough';
/** After the last connect: longer than any first badge takes, shorter than a heartbeat (25 s). */
const SETTLE_MS = 3_000;

export async function measureIdle({ connections, rounds, restSeconds, log }: IdleOptions): Promise<IdleFigures> {
  const each: IdleFigures['each'] = { ours: [], stock: [] };
  const cpu = { ours: 0, stock: 0 };
  for (let round = 0; round < rounds; round++) {
    for (const kind of ['ours', 'stock'] as const) {
      const { memory, cpuMicroseconds } = await measureOne(kind, connections, round + 1 === rounds ? restSeconds : 0);
      each[kind].push(memory);
      cpu[kind] = cpuMicroseconds;
      const { rss, rssCollected, heapUsed, external } = memory;
      log(
        `round ${round + 1}, ${kind.padEnd(5)}  RSS ${kb(rss)}, after gc ${kb(rssCollected)}; heap and external ${kb(heapUsed + external)}`,
      );
    }
  }
  const [ours, stock] = [medians(each.ours), medians(each.stock)];
  const ratio = map((field) => ours[field] / stock[field]);
  return { connections, rounds, ours, stock, ratio, each, cpu };
}

/** Bytes a connection of one fresh server, and its CPU a connection and second while it rests. */
async function measureOne(
  kind: 'ours' | 'stock',
  connections: number,
  restSeconds: number,
): Promise<{ memory: Memory; cpuMicroseconds: number }> {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'chat-idle-'));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const { redis } = await privateServers();
  const database = await freshDatabase();
  undo.defer(() => database.drop());
  const probe = join(folder, 'memory.json');
  const server = await startService({
    name: kind,
    main: join(
      repository,
      kind === 'ours' ? 'services/gateway/src/main.ts' : 'load-tests/bench/src/idle/stock-server.ts',
    ),
    env: {
      ...process.env,
      NODE_OPTIONS: `--expose-gc --import=${pathToFileURL(join(import.meta.dirname, 'probe.ts')).href}`,
      PROBE_FILE: probe,
      HOST: '127.0.0.1',
      PORT: '0',
      ADMIN_PORT: '0',
      LOG_LEVEL: 'warn',
      JWT_SECRET: SECRET,
      REDIS_URL: redis.url,
      DATABASE_URL: database.url,
      CONNECTS_PER_SECOND: '1000000',
    },
    log: () => {},
  });
  undo.defer(() => server.stop(5_000));
  // A few first, so that what is made once is not counted.
  await using _warm = await hold(server.ready().port, 20);
  const before = await memoryOf(server.pid(), probe);
  await using _held = await hold(server.ready().port, connections);
  await delay(SETTLE_MS);
  const after = await memoryOf(server.pid(), probe);
  const memory = map((field) => (after[field] - before[field]) / connections);
  if (restSeconds === 0) return { memory, cpuMicroseconds: 0 };
  const processes = [{ name: kind, pid: server.pid() }];
  const used = async () => (await cpuSeconds(processes)).get(kind) ?? 0;
  const usedBefore = await used();
  await delay(restSeconds * 1_000);
  return { memory, cpuMicroseconds: (((await used()) - usedBefore) * 1e6) / restSeconds / connections };
}

/** A process that holds so many connections until it is disposed of. */
async function hold(port: number, count: number): Promise<AsyncDisposable> {
  const holder = fork(join(import.meta.dirname, 'holder.ts'), [JSON.stringify({ port, secret: SECRET, count })]);
  const ended = once(holder, 'exit');
  const [message] = await Promise.race([once(holder, 'message'), ended]);
  if (typeof message !== 'object') throw new Error(`the holder of ${count} connections ended`);
  return {
    async [Symbol.asyncDispose]() {
      holder.disconnect();
      await ended;
    },
  };
}

async function memoryOf(pid: number, file: string): Promise<Memory> {
  await rm(file, { force: true });
  process.kill(pid, 'SIGUSR2');
  return eventually(async () => JSON.parse(await readFile(file, 'utf8')) as Memory, 30_000);
}

const FIELDS = ['rss', 'rssCollected', 'heapUsed', 'external'] as const;

function map(value: (field: keyof Memory) => number): Memory {
  return Object.fromEntries(FIELDS.map((field) => [field, value(field)])) as unknown as Memory;
}

function medians(all: readonly Memory[]): Memory {
  return map((field) => {
    const sorted = all.map((memory) => memory[field]).toSorted((a, b) => a - b);
    const middle = Math.floor(sorted.length / 2);
    const [low = 0, high = 0] = [sorted[sorted.length % 2 ? middle : middle - 1], sorted[middle]];
    return (low + high) / 2;
  });
}

function kb(bytes: number): string {
  return `${(bytes / 1_000).toFixed(1)} kB`;
}
