import { join } from 'node:path';
import { UserError } from '@chat-cluster/runtime';
import { type BackingServers, startBackingServers } from './backing-servers.ts';
import { claimFolder } from './claim-folder.ts';
import { readClusterFile, removeClusterFile, writeClusterFile, writeServersFile } from './cluster-file.ts';
import type { ClusterOptions } from './cluster-options.ts';
import { ClusterProcesses } from './cluster-processes.ts';
import { type ClusterServices, migrate, startServices } from './cluster-services.ts';
import { checkPort } from './free-port.ts';
import { reportTo } from './progress.ts';
import { toolsFolder } from './repository.ts';
import { secretFile } from './secret-file.ts';

export interface Cluster {
  url: string;
  port: number;
  readonly gateways: string[];
  /** Each process by itself, and how their number changes. */
  members: ClusterProcesses;
  /** Read at each access: a restarted process has a new pid. `adminPort`: /healthz, /readyz, /metrics, POST /drain. */
  readonly processes: { name: string; pid: number; port?: number; adminPort?: number }[];
  databaseUrl: string;
  redisUrl: string;
  jwtSecret: string;
  dataDir: string;
  /** Where Postgres and Redis keep their data. */
  data: BackingServers['data'];
  /** Stops everything in order within 10 s. Idempotent. */
  stop(): Promise<void>;
  /**
   * Shortens a stop under way: SIGKILL to the services. Redis and Postgres still shut down in order, which is quick.
   */
  hurry(): void;
}

type Parts = ClusterServices & { backing: BackingServers };

/** Time of Postgres and Redis to stop, in ms. With the stop times of the services the sum is below 10 s. */
const BACKING_STOP_MS = 1_700;

/**
 * Starts a whole cluster on this machine, with the same processes as in production, and waits until it is ready:
 *
 *   claim the data folder → Postgres and Redis (in parallel) → migrations → gateway and workers (in parallel)
 *   → the prober, if there is one
 *
 * If a step fails, stops what was started; throws UserError for a problem that the user can solve.
 *
 * `stop` uses the reverse order: the gateways close their connections, the workers finish what the gateways waited for,
 * then Redis and Postgres stop. It takes at most 10 s; a process that exceeds its share of them is killed.
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const claim = await claimCluster(options.dataDir);
  const undo: (() => Promise<void>)[] = [claim.release];
  try {
    await checkPort(options.port);
    const report = reportTo(options.onStep ?? (() => undefined));
    const jwtSecret = options.jwtSecret ?? secretFile(join(options.dataDir, 'jwt-secret'));
    const backing = await startBackingServers({ ...options, toolsDir: toolsFolder, report });
    undo.push(() => backing.stop(BACKING_STOP_MS));
    const env = commonEnvironment(options, backing, jwtSecret);
    if (!options.migrated) await report('Migrations', () => migrate(env, options.version));
    const services = await startServices(options, env, report);
    return assemble(options, { backing, ...services }, { jwtSecret, variables: sharedVariables(env) }, claim.release);
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

async function claimCluster(dataDir: string) {
  try {
    return await claimFolder(dataDir, 'cluster');
  } catch (error) {
    const live = readClusterFile(dataDir);
    if (!live || !(error instanceof UserError)) throw error;
    throw new UserError(
      `A cluster already runs on ${dataDir} (${live.url}, process ${live.pid}). ` +
        'Stop it, or set DATA_DIR and PORT for a second one.',
    );
  }
}

/** The settings that all services of the cluster share. */
function commonEnvironment(options: ClusterOptions, backing: BackingServers, jwtSecret: string): NodeJS.ProcessEnv {
  return {
    // The variables of the user win over the defaults of startChatService, such as ADMIN_PORT.
    ...process.env,
    HOST: '127.0.0.1',
    PORT: String(options.port),
    GATEWAY_PROCESSES: String(options.gatewayProcesses),
    GATEWAY_NAME: 'gateway',
    LANES: String(options.lanes),
    DATABASE_URL: backing.databaseUrl,
    REDIS_URL: backing.redisUrl,
    JWT_SECRET: jwtSecret,
    LOG_LEVEL: process.env.LOG_LEVEL ?? 'warn',
    LOG_FORMAT: process.env.LOG_FORMAT ?? (options.inheritLogs && process.stdout.isTTY ? 'pretty' : 'json'),
    ...(options.allowedOrigins === undefined ? {} : { ALLOWED_ORIGINS: options.allowedOrigins }),
    ...options.env,
  };
}

/** The variables of `env` that the commands of operators read too, besides the URLs of the servers. */
function sharedVariables(env: NodeJS.ProcessEnv): Record<string, string> {
  const names = [
    ...['LANES', 'RECOUNT_LANES', 'CLUSTER_NAME'],
    ...['REDIS_PUBSUB_URL', 'REDIS_QUEUE_URLS', 'REDIS_CACHE_URL', 'REDIS_ADAPTER'],
  ];
  return Object.fromEntries(names.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));
}

function assemble(
  options: ClusterOptions,
  parts: Parts,
  { jwtSecret, variables }: { jwtSecret: string; variables: Record<string, string> },
  release: () => Promise<void>,
): Cluster {
  const { dataDir } = options;
  const { backing, gateway, prober } = parts;
  const members = new ClusterProcesses(parts);
  const { port } = gateway.ready();
  const url = `http://127.0.0.1:${port}`;
  let stopped: Promise<void> | undefined;
  const cluster: Cluster = {
    url,
    port,
    members,
    get gateways() {
      return members.list().flatMap(({ kind, name, state }) => (kind === 'gateway' && state !== 'ended' ? [name] : []));
    },
    get processes() {
      const services = [gateway, ...members.workers, ...(prober ? [prober] : [])];
      const own = services.map((one) => {
        const { port, adminPort } = one.ready();
        return { name: one.name, pid: one.pid(), port, ...(adminPort === undefined ? {} : { adminPort }) };
      });
      return [...backing.processes().map(({ name, pid, port }) => ({ name, pid, port })), ...own];
    },
    databaseUrl: backing.databaseUrl,
    redisUrl: backing.redisUrl,
    jwtSecret,
    dataDir,
    data: backing.data,
    stop: () => {
      stopped ??= stopInOrder(members, backing).finally(async () => {
        removeClusterFile(dataDir);
        await release();
      });
      return stopped;
    },
    hurry: () => members.kill(),
  };
  const { gateways, processes, databaseUrl, redisUrl } = cluster;
  writeServersFile(dataDir, { databaseUrl, redisUrl, variables });
  writeClusterFile(dataDir, { url, pid: process.pid, gateways, processes, startedAt: new Date().toISOString() });
  return cluster;
}

async function stopInOrder(members: ClusterProcesses, backing: BackingServers): Promise<void> {
  await members.stop();
  await backing.stop(BACKING_STOP_MS);
}
