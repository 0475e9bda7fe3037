/*
 * The whole cluster on this machine, out of the same processes that run in production:
 *
 *   claim the data folder → Postgres and Redis (side by side) → migrations → gateways and workers (side by side)
 *   → a prober, when there is to be one
 *
 * Stop is the reverse order: the gateways let their clients go, the workers finish what those still waited for, then
 * Redis and Postgres. The whole stop takes 10 s at most; what is not gone by its share of that is killed.
 */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@chat-cluster/runtime';
import { type BackingServers, startBackingServers } from './backing-servers.ts';
import { claimFolder } from './claim-folder.ts';
import { readClusterFile, removeClusterFile, writeClusterFile, writeServersFile } from './cluster-file.ts';
import { checkPort } from './free-port.ts';
import { type Report, reportTo, type Step } from './progress.ts';
import { repository, toolsFolder } from './repository.ts';
import { secretFile } from './secret-file.ts';
import { type ServiceProcess, startService } from './service-process.ts';

export interface ClusterOptions {
  /** Of HTTP and sockets, on 127.0.0.1; 0 = any free one. */
  port: number;
  /** Absolute path. */
  dataDir: string;
  gatewayProcesses: number;
  workers: number;
  lanes: number;
  /** True: a prober too, which measures delivery between two users of its own. */
  probe?: boolean | undefined;
  /** Given: no Postgres of ours is started. */
  databaseUrl?: string | undefined;
  /** True: that has the schema already, and nobody looks. */
  migrated?: boolean | undefined;
  /** Given: no Redis of ours is started. */
  redisUrl?: string | undefined;
  /** Default: made once and kept in the data folder, so that tokens outlive a restart. */
  jwtSecret?: string | undefined;
  allowedOrigins?: string | undefined;
  /** Added to the environment of every service, and stronger than all of the above. */
  env?: NodeJS.ProcessEnv | undefined;
  /** False (tests): Postgres forces nothing to disk. */
  durable?: boolean | undefined;
  /** Hears lines about things out of the ordinary, e.g. a restart. */
  log: (line: string) => void;
  onStep?: ((step: Step) => void) | undefined;
  /** True: the services write to our output. Default: to `<dataDir>/logs/<name>.log`. */
  inheritLogs?: boolean | undefined;
}

export interface Cluster {
  url: string;
  port: number;
  readonly gateways: string[];
  /** Live: a process that was started again has another pid. `adminPort`: /healthz, /readyz, /metrics, POST /drain. */
  readonly processes: { name: string; pid: number; port?: number; adminPort?: number }[];
  databaseUrl: string;
  redisUrl: string;
  jwtSecret: string;
  dataDir: string;
  /** Where the data really lies. */
  data: BackingServers['data'];
  /** Ends everything within 10 s, in order. Idempotent. */
  stop(): Promise<void>;
  /** Cuts a running stop short: SIGKILL to the services. Redis and Postgres still end by themselves, quickly. */
  hurry(): void;
}

interface Parts {
  backing: BackingServers;
  gateway: ServiceProcess;
  workers: ServiceProcess[];
  prober: ServiceProcess | undefined;
}

// Together below 10 s. A service gets half a second less for its own orderly end, so that it is seldom killed.
const GATEWAY_STOP_MS = 5_000;
const WORKER_STOP_MS = 3_000;
const BACKING_STOP_MS = 1_700;

/** Starts everything and waits until it is ready; on a failure ends what was started. Throws UserError for what the user can solve. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const claim = await claimCluster(options.dataDir);
  const undo: (() => Promise<void>)[] = [claim.release];
  try {
    await checkPort(options.port);
    const report = reportTo(options.onStep ?? (() => undefined));
    const jwtSecret = options.jwtSecret ?? secretFile(join(options.dataDir, 'jwt-secret'));
    const backing = await startBackingServers({ ...options, toolsDir: toolsFolder, report });
    undo.push(() => backing.stop(BACKING_STOP_MS));
    const env = serviceEnvironment(options, backing, jwtSecret);
    if (!options.migrated) await report('Migrations', () => migrate(env));
    const services = await startServices(options, env, report);
    return assemble(options, { backing, ...services }, { jwtSecret, redis: redisVariables(env) }, claim.release);
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
      `A cluster already runs on ${dataDir} (${live.url}, process ${live.pid}). Stop it, or set DATA_DIR and PORT for a second one.`,
    );
  }
}

function serviceEnvironment(options: ClusterOptions, backing: BackingServers, jwtSecret: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    NODE_ENV: process.env.NODE_ENV ?? 'development',
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

function migrate(env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn(process.execPath, [join(repository, 'packages/postgres/src/migrate.ts')], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  child.stdout.resume();
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else
        reject(
          new UserError(`The database could not be migrated: ${said.trim().slice(-2_000) || `exit code ${code}`}`),
        );
    });
  });
}

async function startServices(options: ClusterOptions, env: NodeJS.ProcessEnv, report: Report) {
  const started: ServiceProcess[] = [];
  const begin = async (label: string, name: string, folder: string, more: NodeJS.ProcessEnv) => {
    const main = join(repository, folder, 'src/main.ts');
    const logFile = options.inheritLogs ? undefined : serviceLog(options.dataDir, name);
    const service = await report(label, () =>
      startService({ name, main, env: { ...more, ...env }, logFile, log: options.log }),
    );
    started.push(service);
    return service;
  };
  const workers = Array.from({ length: options.workers }, (_, index) => `worker-${index + 1}`);
  const outcomes = await Promise.allSettled([
    begin(`Gateway (${options.gatewayProcesses} processes)`, 'gateway', 'services/gateway', {
      ...stopTime(GATEWAY_STOP_MS),
      ADMIN_PORT: '0',
    }),
    ...workers.map((name) =>
      begin(`Worker ${name}`, name, 'services/worker', {
        ...stopTime(WORKER_STOP_MS),
        WORKER_NAME: name,
        ADMIN_PORT: '0',
      }),
    ),
  ]);
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  const giveUp = async (reason: unknown): Promise<never> => {
    await Promise.all(started.map((service) => service.stop(2_000)));
    throw reason;
  };
  if (failed) return giveUp(failed.reason);
  const [gateway, ...others] = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  if (!gateway) throw new Error('no gateway was started');
  const prober = options.probe
    ? await begin('Prober', 'prober', 'services/prober', {
        ...stopTime(WORKER_STOP_MS),
        PROBER_NAME: 'prober',
        PROBE_ENTRY: `http://127.0.0.1:${gateway.ready().port}`,
        ADMIN_PORT: '0',
      }).catch(giveUp)
    : undefined;
  return { gateway, workers: others, prober };
}

function stopTime(withinMs: number): NodeJS.ProcessEnv {
  return { SHUTDOWN_TIMEOUT_MS: String(withinMs - 500) };
}

function serviceLog(dataDir: string, name: string): string {
  mkdirSync(join(dataDir, 'logs'), { recursive: true, mode: 0o700 });
  return join(dataDir, 'logs', `${name}.log`);
}

/** Those by which parts of the cluster have a Redis of their own. */
function redisVariables(env: NodeJS.ProcessEnv): Record<string, string> {
  const names = ['REDIS_PUBSUB_URL', 'REDIS_QUEUE_URLS', 'REDIS_CACHE_URL', 'REDIS_ADAPTER'];
  return Object.fromEntries(names.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));
}

function assemble(
  options: ClusterOptions,
  parts: Parts,
  { jwtSecret, redis }: { jwtSecret: string; redis: Record<string, string> },
  release: () => Promise<void>,
): Cluster {
  const { dataDir } = options;
  const { backing, gateway, workers, prober } = parts;
  const services = [gateway, ...workers, ...(prober ? [prober] : [])];
  const { port } = gateway.ready();
  const url = `http://127.0.0.1:${port}`;
  let stopped: Promise<void> | undefined;
  const cluster: Cluster = {
    url,
    port,
    get gateways() {
      return gateway.ready().gateways ?? ['gateway'];
    },
    get processes() {
      const own = services.map((one) => {
        const { port, adminPort } = one.ready();
        return { name: one.name, pid: one.pid(), port, ...(adminPort === undefined ? {} : { adminPort }) };
      });
      return [...backing.processes(), ...own];
    },
    databaseUrl: backing.databaseUrl,
    redisUrl: backing.redisUrl,
    jwtSecret,
    dataDir,
    data: backing.data,
    stop: () => {
      stopped ??= stopInOrder(parts).finally(async () => {
        removeClusterFile(dataDir);
        await release();
      });
      return stopped;
    },
    hurry: () => {
      for (const service of services) service.kill();
    },
  };
  const { gateways, processes, databaseUrl, redisUrl } = cluster;
  writeServersFile(dataDir, { databaseUrl, redisUrl, lanes: options.lanes, redis });
  writeClusterFile(dataDir, { url, pid: process.pid, gateways, processes, startedAt: new Date().toISOString() });
  return cluster;
}

async function stopInOrder({ backing, gateway, workers, prober }: Parts): Promise<void> {
  await Promise.all([prober?.stop(GATEWAY_STOP_MS), gateway.stop(GATEWAY_STOP_MS)]);
  await Promise.all(workers.map((worker) => worker.stop(WORKER_STOP_MS)));
  await backing.stop(BACKING_STOP_MS);
}
