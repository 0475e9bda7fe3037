/*
 * A cluster as it runs in production: every gateway a process of its own at an address of its own. `npm start` puts its
 * gateways behind one port, for which a sticky entry takes each connection first; here clients are assigned to gateways
 * in turn, so that no CPU of an entry is among what is measured and the spread is the same in each run.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Cluster, repository, type ServiceProcess, startCluster, startService } from '@chat-cluster/local-cluster';

export interface PodsOptions {
  gateways: number;
  workers: number;
  lanes: number;
  /** Added to the environment of every gateway and worker. */
  env?: NodeJS.ProcessEnv | undefined;
  log: (line: string) => void;
}

export interface Pods extends AsyncDisposable {
  jwtSecret: string;
  redisUrl: string;
  databaseUrl: string;
  /** gateway-1, gateway-2 … */
  gateways: Pod[];
  workers: Pod[];
  /** All that costs CPU, by kind: postgres, redis, gateways, workers. */
  processes(): { name: ProcessKind; pid: number }[];
}

export interface Pod {
  name: string;
  url: string;
  /** Of metrics. */
  adminUrl: string;
  pid: number;
}

export type ProcessKind = (typeof PROCESS_KINDS)[number];
export const PROCESS_KINDS = ['postgres', 'redis', 'gateways', 'workers'] as const;

const STOP_WITHIN_MS = 5_000;

/** Starts Redis, Postgres, workers and gateways in a temporary folder and waits until they are ready. */
export async function startPods(options: PodsOptions): Promise<Pods> {
  const undo = new AsyncDisposableStack();
  try {
    const dataDir = await mkdtemp(join(tmpdir(), 'chat-bench-'));
    undo.defer(() => rm(dataDir, { recursive: true, force: true }));
    const { workers, lanes, log } = options;
    // Few users carry all the load here; the limits per user are not what is measured.
    const env = { RATE_LIMIT_PER_SECOND: '1000000', RATE_LIMIT_BURST: '1000000', ...options.env };
    const first = { ...env, GATEWAY_NAME: 'gateway-1' };
    const cluster = await startCluster({ port: 0, dataDir, gatewayProcesses: 1, workers, lanes, log, env: first });
    undo.defer(() => cluster.stop());
    const more = await startMore(cluster, options, env, undo);
    const parts = undo.move();
    return describe(cluster, more, () => parts.disposeAsync());
  } catch (error) {
    await undo.disposeAsync();
    throw error;
  }
}

async function startMore(
  cluster: Cluster,
  { gateways, lanes, log }: PodsOptions,
  env: NodeJS.ProcessEnv,
  undo: AsyncDisposableStack,
): Promise<ServiceProcess[]> {
  const starts = Array.from({ length: gateways - 1 }, async (_, i) => {
    const name = `gateway-${i + 2}`;
    const service = await startService({
      name,
      main: join(repository, 'services/gateway/src/main.ts'),
      logFile: join(cluster.dataDir, 'logs', `${name}.log`),
      log,
      env: {
        ...process.env,
        NODE_ENV: process.env.NODE_ENV ?? 'development',
        HOST: '127.0.0.1',
        PORT: '0',
        ADMIN_PORT: '0',
        GATEWAY_NAME: name,
        GATEWAY_PROCESSES: '1',
        LANES: String(lanes),
        DATABASE_URL: cluster.databaseUrl,
        REDIS_URL: cluster.redisUrl,
        JWT_SECRET: cluster.jwtSecret,
        LOG_LEVEL: process.env.LOG_LEVEL ?? 'warn',
        LOG_FORMAT: 'json',
        ...env,
      },
    });
    undo.defer(() => service.stop(STOP_WITHIN_MS));
    return service;
  });
  const outcomes = await Promise.allSettled(starts);
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}

function describe(cluster: Cluster, more: ServiceProcess[], stop: () => Promise<void>): Pods {
  const services = cluster.processes.filter(({ name }) => name !== 'postgres' && name !== 'redis');
  const pod = ({ name, pid, port, adminPort }: Cluster['processes'][number]): Pod => ({
    name: name === 'gateway' ? 'gateway-1' : name,
    url: `http://127.0.0.1:${port}`,
    adminUrl: `http://127.0.0.1:${adminPort}`,
    pid,
  });
  const gateways = [
    ...services.filter(({ name }) => name === 'gateway'),
    ...more.map((one) => ({ ...one.ready(), name: one.name, pid: one.pid() })),
  ].map(pod);
  const workers = services.filter(({ name }) => name !== 'gateway').map(pod);
  return {
    jwtSecret: cluster.jwtSecret,
    redisUrl: cluster.redisUrl,
    databaseUrl: cluster.databaseUrl,
    gateways,
    workers,
    processes: () => [
      ...cluster.processes.flatMap(({ name, pid }) =>
        name === 'postgres' || name === 'redis' ? [{ name: name as ProcessKind, pid }] : [],
      ),
      ...gateways.map(({ pid }) => ({ name: 'gateways' as const, pid })),
      ...workers.map(({ pid }) => ({ name: 'workers' as const, pid })),
    ],
    [Symbol.asyncDispose]: stop,
  };
}
