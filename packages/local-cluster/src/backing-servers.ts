import { join } from 'node:path';
import { describeError } from '@chat-cluster/runtime';
import { type LocalPostgres, startPostgres } from './postgres.ts';
import type { Report } from './progress.ts';
import { type LocalRedis, startRedis } from './redis.ts';
import { until } from './until.ts';

/** Postgres and Redis of a cluster, each either started here or given by its URL. */
export interface BackingServers {
  databaseUrl: string;
  redisUrl: string;
  /** Folders with the data of Postgres and Redis; for a server given by URL, a text that names the variable. */
  data: { postgres: string; redis: string };
  /** The servers started here, read at each call: a restarted server has a new pid. */
  processes(): BackingProcess[];
  /** Stops the servers started here, both at once. */
  stop(withinMs: number): Promise<void>;
}

export interface BackingOptions {
  dataDir: string;
  toolsDir: string;
  databaseUrl?: string | undefined;
  redisUrl?: string | undefined;
  durable?: boolean | undefined;
  log: (line: string) => void;
  report: Report;
}

export interface BackingProcess {
  name: 'postgres' | 'redis';
  /** While the server is being restarted, that of its last process. */
  pid: number;
  port: number;
  running: boolean;
}

interface Backing {
  url: string;
  data: string;
  processes(): BackingProcess[];
  stop(options: { withinMs: number }): Promise<void>;
}

/** Starts Postgres and Redis at the same time, each only if no URL is given. If one fails, stops the other. */
export async function startBackingServers(options: BackingOptions): Promise<BackingServers> {
  const [postgres, redis] = await Promise.allSettled([ownPostgres(options), ownRedis(options)]);
  const started = [postgres, redis].flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const stop = async (withinMs: number) => {
    await Promise.all(started.map((server) => server.stop({ withinMs })));
  };
  if (postgres.status === 'fulfilled' && redis.status === 'fulfilled') {
    return {
      databaseUrl: postgres.value.url,
      redisUrl: redis.value.url,
      data: { postgres: postgres.value.data, redis: redis.value.data },
      processes: () => started.flatMap(({ processes }) => processes()),
      stop,
    };
  }
  await stop(2_000);
  throw postgres.status === 'rejected' ? postgres.reason : (redis as PromiseRejectedResult).reason;
}

function ownPostgres({ dataDir, databaseUrl, durable, log, report }: BackingOptions): Promise<Backing> {
  if (databaseUrl !== undefined) return given(databaseUrl, 'DATABASE_URL');
  const start = (port?: number) => startPostgres({ dataDir: join(dataDir, 'postgres'), durable, log, port });
  return report('Postgres', () => keepAlive('postgres', start, log));
}

function ownRedis({ dataDir, toolsDir, redisUrl, log, report }: BackingOptions): Promise<Backing> {
  if (redisUrl !== undefined) return given(redisUrl, 'REDIS_URL');
  const start = (port?: number) => startRedis({ dataDir: join(dataDir, 'redis'), toolsDir, log, port });
  return report('Redis', () => keepAlive('redis', start, log));
}

async function given(url: string, variable: string): Promise<Backing> {
  return { url, data: `the server given as ${variable}`, processes: () => [], stop: async () => undefined };
}

type LocalServer = LocalPostgres | LocalRedis;

/** Starts a server, and starts it again at the same address whenever it ends by itself, with a try every second. */
async function keepAlive(
  name: BackingProcess['name'],
  start: (port?: number) => Promise<LocalServer>,
  log: (line: string) => void,
) {
  let server = await start();
  let running = true;
  let stopping = false;
  const ended = (async () => {
    while (true) {
      const how = await server.exited;
      running = false;
      if (stopping) return;
      log(`${name} ended unexpectedly (${how}) and is being restarted.`);
      await server.stop();
      const old = server;
      server = (await until(() => (stopping ? old : tryStart(() => start(old.port), name, log)), EVERY_SECOND)) ?? old;
      if (stopping) return;
      running = true;
    }
  })();
  return {
    url: server.url,
    data: server.dataDir,
    processes: () => [{ name, pid: server.pid, port: server.port, running }],
    stop: async (limits: { withinMs: number }) => {
      stopping = true;
      await server.stop(limits);
      await ended;
      await server.stop(limits);
    },
  };
}

const EVERY_SECOND = { withinMs: Number.POSITIVE_INFINITY, everyMs: 1_000 };

/** Undefined when the start fails; the reason is logged. */
async function tryStart(start: () => Promise<LocalServer>, name: string, log: (line: string) => void) {
  try {
    return await start();
  } catch (error) {
    log(`${name} could not be restarted: ${describeError(error)}`);
    return undefined;
  }
}
