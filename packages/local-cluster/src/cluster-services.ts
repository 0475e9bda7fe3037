import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@chat-cluster/runtime';
import { type ChatServiceOptions, startChatService } from './chat-service.ts';
import type { ClusterOptions } from './cluster-options.ts';
import type { Report } from './progress.ts';
import { repository } from './repository.ts';
import type { ServiceProcess } from './service-process.ts';

/** The services of one cluster. */
export interface ClusterServices {
  gateway: ServiceProcess;
  workers: ServiceProcess[];
  prober: ServiceProcess | undefined;
  /** Starts another worker. Aborting `signal` kills it while it starts. */
  startWorker(name: string, signal: AbortSignal): Promise<ServiceProcess>;
}

/** Time of each kind of service to stop, in ms; after it the service is killed. */
export const GATEWAY_STOP_MS = 5_000;
export const WORKER_STOP_MS = 3_000;

/** Starts gateway and workers at the same time, then the prober. If one fails, stops the others. */
export async function startServices(
  options: ClusterOptions,
  env: NodeJS.ProcessEnv,
  report: Report,
): Promise<ClusterServices> {
  const started: ServiceProcess[] = [];
  const launch = (kind: ChatServiceOptions['kind'], name: string, more: NodeJS.ProcessEnv, signal?: AbortSignal) => {
    const logFile = options.inheritLogs ? undefined : serviceLog(options.dataDir, name);
    const version = () => options.version ?? repository;
    return startChatService({ kind, name, env: { ...more, ...env }, logFile, log: options.log, signal, version });
  };
  const start = async (label: string, ...service: Parameters<typeof launch>) => {
    const running = await report(label, () => launch(...service));
    started.push(running);
    return running;
  };
  const stopStarted = async (reason: unknown): Promise<never> => {
    await Promise.all(started.map((service) => service.stop(2_000)));
    throw reason;
  };
  const workerNames = Array.from({ length: options.workers }, (_, index) => `worker-${index + 1}`);
  const outcomes = await Promise.allSettled([
    start(
      `Gateway (${options.gatewayProcesses === 1 ? '1 process' : `${options.gatewayProcesses} processes`})`,
      'gateway',
      'gateway',
      stopTime(GATEWAY_STOP_MS),
    ),
    ...workerNames.map((name) => start(`Worker ${name}`, 'worker', name, stopTime(WORKER_STOP_MS))),
  ]);
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed) return stopStarted(failed.reason);
  const [gateway, ...workers] = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  if (!gateway) throw new Error('no gateway was started');
  const entry = { PROBE_ENTRY: `http://127.0.0.1:${gateway.ready().port}` };
  const prober = options.probe
    ? await start('Prober', 'prober', 'prober', { ...stopTime(WORKER_STOP_MS), ...entry }).catch(stopStarted)
    : undefined;
  const startWorker = (name: string, signal: AbortSignal) => launch('worker', name, stopTime(WORKER_STOP_MS), signal);
  return { gateway, workers, prober, startWorker };
}

/** A service gets half a second less for its own orderly stop, so that it rarely has to be killed. */
function stopTime(withinMs: number): NodeJS.ProcessEnv {
  return { SHUTDOWN_TIMEOUT_MS: String(withinMs - 500) };
}

function serviceLog(dataDir: string, name: string): string {
  mkdirSync(join(dataDir, 'logs'), { recursive: true, mode: 0o700 });
  return join(dataDir, 'logs', `${name}.log`);
}

/** Runs the migrations of a version in a process of their own. Throws UserError with its output when they fail. */
export function migrate(env: NodeJS.ProcessEnv, version = repository): Promise<void> {
  const child = spawn(process.execPath, [join(version, 'packages/postgres/src/migrate.ts')], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stderr.on('data', (chunk) => {
    output += chunk;
  });
  child.stdout.resume();
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      const reason = output.trim().slice(-2_000) || `exit code ${code}`;
      if (code === 0) resolve();
      else reject(new UserError(`The database could not be migrated: ${reason}`));
    });
  });
}
