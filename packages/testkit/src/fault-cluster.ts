import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repository } from '@chat-cluster/local-cluster';
import { type Database, migrate, openDatabase } from '@chat-cluster/postgres';
import type { Balancer } from './balancer.ts';
import { controlledSentinel } from './controlled-sentinel.ts';
import { type ControlledServer, controlledPostgres, controlledRedis, type OnExit } from './controlled-server.ts';
import { type ControlledService, controlService } from './controlled-service.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import type { ProcessExit } from './history.ts';
import type { Random } from './random.ts';
import { type RedisBehindAddress, startRedisBehindAddress } from './redis-behind-address.ts';
import { type ReplicatedPostgres, replicatedPostgres } from './replicated-postgres.ts';
import { mountSmallDisk, type SmallDisk } from './small-disk.ts';

export interface FaultClusterOptions {
  /**
   * Folder of the repository, with dependencies, whose schema and services it starts with. Default: this repository.
   */
  version?: string;
  gateways?: number;
  workers?: number;
  lanes?: number;
  /** True: Redis is a primary with two replicas behind Sentinel. */
  sentinel?: boolean;
  /** Parts of Redis that are on a primary with a replica behind one address, instead of the server behind the links. */
  behindAddress?: readonly RedisPart[];
  /** True: Postgres is a primary with a synchronous standby behind one address. */
  postgresStandby?: boolean;
  /** Size of a separate disk for Postgres, in MB. Needs root. */
  postgresDiskMb?: number;
  /**
   * Starts the load balancer that clients connect to, in front of the gateways on these ports. Default: a TCP proxy.
   */
  balancer?: (gatewayPorts: number[]) => Promise<Balancer>;
  /** Source of random jitter. */
  random?: Random;
  /** Added to the environment of every service. */
  env?: NodeJS.ProcessEnv;
  /** Added to the environment of one service, by its name: gateway-1, worker-2. */
  envOf?: Record<string, NodeJS.ProcessEnv>;
}

/** A part of Redis that may have a server of its own, by its setting. */
export const REDIS_PARTS = {
  pubsub: 'REDIS_PUBSUB_URL',
  lanes: 'REDIS_QUEUE_URLS',
  cache: 'REDIS_CACHE_URL',
} as const;
export type RedisPart = keyof typeof REDIS_PARTS;

export interface FaultCluster extends AsyncDisposable {
  /**
   * URL of the load balancer, else of the entry. The entry assigns each connection to the next gateway in turn, so only
   * websockets stay on their gateway.
   */
  url: string;
  entry: FaultProxy;
  balancer: Balancer | undefined;
  jwtSecret: string;
  lanes: number;
  gateways: ControlledService[];
  workers: ControlledService[];
  redis: ControlledServer;
  /** Only with `behindAddress`. */
  redisAddress: RedisBehindAddress | undefined;
  postgres: ControlledServer;
  /** Only with `postgresStandby`: replaces the primary. */
  failOverPostgres: ReplicatedPostgres['failOver'] | undefined;
  /** Only with `postgresDiskMb`. */
  postgresDisk: SmallDisk | undefined;
  /** A connection without a proxy, for the checker. */
  db: Database;
  /** All exits so far, ordered or not; `at` is a time of performance.now(). */
  exits: ProcessExit[];
  /** Folder of the logs, one file for each service. */
  logsDir: string;
}

/**
 * Starts a cluster of real processes in which every link can fail:
 *
 *   clients ──entry──▶ gateways ──one proxy each──▶ Redis        gateways and workers are services/…/main.ts and are
 *                      workers  ──one proxy each──▶ Postgres     restarted when they end; all servers are private
 *
 * With `balancer`, a real load balancer is the entry. A fault controls the proxies and the processes: it kills, pauses
 * and restarts them, with the same data on the same port. Every exit is recorded, with whether a fault ordered it.
 */
export async function startFaultCluster(options: FaultClusterOptions = {}): Promise<FaultCluster> {
  const undo = new AsyncDisposableStack();
  try {
    const folder = await mkdtemp(join(tmpdir(), 'chat-faults-'));
    undo.defer(() => rm(folder, { recursive: true, force: true }));
    const exits: ProcessExit[] = [];
    let stopping = false;
    const onExit: OnExit = (exit) => {
      if (!stopping) exits.push({ at: performance.now(), ...exit });
    };
    const servers = await startServers(options, folder, onExit, undo);
    const { services, ...started } = await startServices(options, servers, folder, onExit, undo);
    const entry = undo.use(await startFaultProxy({ upstreams: started.gateways.map(({ port }) => port) }));
    const balancer = options.balancer && undo.use(await options.balancer(started.gateways.map(({ port }) => port)));
    const parts = undo.move();
    return {
      ...servers,
      ...started,
      url: balancer?.url ?? `http://127.0.0.1:${entry.port}`,
      entry,
      balancer,
      exits,
      async [Symbol.asyncDispose]() {
        stopping = true;
        await Promise.all(services.map((service) => service.stop()));
        await parts.disposeAsync();
      },
    };
  } catch (error) {
    await undo.disposeAsync();
    throw error;
  }
}

type Servers = Pick<FaultCluster, 'redis' | 'redisAddress' | 'postgres' | 'failOverPostgres' | 'postgresDisk' | 'db'>;

/** Starts Redis and Postgres and migrates the database. */
async function startServers(
  { sentinel = false, behindAddress, postgresStandby = false, postgresDiskMb, version }: FaultClusterOptions,
  folder: string,
  onExit: OnExit,
  undo: AsyncDisposableStack,
): Promise<Servers> {
  const postgresDisk = postgresDiskMb ? undo.use(mountSmallDisk(join(folder, 'postgres'), postgresDiskMb)) : undefined;
  const startRedis = sentinel ? controlledSentinel : controlledRedis;
  const startPostgres = postgresStandby ? replicatedPostgres : controlledPostgres;
  const [redis, postgres] = await all([
    startRedis(join(folder, 'redis'), onExit).then((server) => stopWith(undo, server)),
    startPostgres(join(folder, 'postgres'), onExit).then((server) => stopWith(undo, server)),
  ]);
  if (!redis || !postgres) throw new Error('a server was not started');
  const redisAddress = behindAddress && undo.use(await startRedisBehindAddress(folder));
  const db = openDatabase({ url: postgres.url, poolSize: 2, applicationName: 'checker', onError: () => {} });
  undo.defer(() => db.destroy());
  await (version === undefined ? migrate(postgres.url) : migrateAs(version, postgres.url));
  const failOverPostgres = 'failOver' in postgres ? (postgres as ReplicatedPostgres).failOver : undefined;
  return { redis, redisAddress, postgres, failOverPostgres, postgresDisk, db };
}

async function startServices(
  options: FaultClusterOptions,
  { redis, redisAddress, postgres }: Servers,
  folder: string,
  onExit: OnExit,
  undo: AsyncDisposableStack,
) {
  const { gateways = 3, workers = 2, lanes = 4, random = Math.random, version = repository } = options;
  const logsDir = join(folder, 'logs');
  await mkdir(logsDir);
  const jwtSecret = randomBytes(32).toString('hex');
  const base = { redisUrl: redis.url, databaseUrl: postgres.url, version, logsDir, random, onExit };
  const start = (kind: 'gateway' | 'worker', count: number) =>
    Array.from({ length: count }, async (_, i) => {
      const name = `${kind}-${i + 1}`;
      const parts = (options.behindAddress ?? []).map((part) => [REDIS_PARTS[part], redisAddress?.url]);
      const env = {
        ...options.env,
        ...Object.fromEntries(parts),
        ...options.envOf?.[name],
        LANES: String(lanes),
        JWT_SECRET: jwtSecret,
      };
      return stopWith(undo, await controlService({ ...base, kind, name, env }));
    });
  const services = await all([...start('gateway', gateways), ...start('worker', workers)]);
  return {
    services,
    gateways: services.slice(0, gateways),
    workers: services.slice(gateways),
    logsDir,
    jwtSecret,
    lanes,
  };
}

/** Runs the migrate command of another version. */
async function migrateAs(version: string, url: string): Promise<void> {
  const command = join(version, 'packages/postgres/src/migrate.ts');
  await promisify(execFile)(process.execPath, [command], { env: { ...process.env, DATABASE_URL: url } });
}

function stopWith<T extends { stop(): Promise<void> }>(undo: AsyncDisposableStack, part: T): T {
  undo.defer(() => part.stop());
  return part;
}

/** As Promise.all, but it settles after all promises: the services that they start must be stopped too. */
async function all<T>(promises: Promise<T>[]): Promise<T[]> {
  const outcomes = await Promise.allSettled(promises);
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}
