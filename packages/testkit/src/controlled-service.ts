import { join } from 'node:path';
import { freePort, type ServiceProcess, startService } from '@chat-cluster/local-cluster';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import type { Random } from './random.ts';

/** A gateway or worker as a process that a fault may end or pause. One that ends is started again, as a supervisor would. */
export interface ControlledService {
  name: string;
  pid(): number;
  /** Of HTTP: the API, or the worker's probes. The same for its whole life. */
  port: number;
  /** Of metrics and POST /drain; the same too. */
  adminPort: number;
  /** Its own links to the servers. None to a Redis behind Sentinel, which names its primary itself: that proxy is idle. */
  redis: FaultProxy;
  postgres: FaultProxy;
  kill(signal?: 'SIGKILL' | 'SIGTERM'): void;
  /** From its next start on it runs what is in this folder of the repository. */
  moveTo(version: string): void;
  pause(): void;
  resume(): void;
  /** True when /readyz says so. */
  isReady(): Promise<boolean>;
  /** The value of a metric that has no labels, or the sum over all labels; undefined while it does not answer. */
  metric(name: string): Promise<number | undefined>;
  stop(): Promise<void>;
}

export interface ServiceOptions {
  kind: 'gateway' | 'worker';
  name: string;
  env: NodeJS.ProcessEnv;
  /** Past every proxy; the ports are replaced by those of the links. */
  redisUrl: string;
  databaseUrl: string;
  /** Folder of the repository, installed. */
  version: string;
  logsDir: string;
  random: Random;
  onExit(exit: { process: string; how: string; ordered: boolean }): void;
}

export async function controlService(options: ServiceOptions): Promise<ControlledService> {
  const { kind, name, random } = options;
  const [redis, postgres] = await Promise.all([
    startFaultProxy({ upstreams: isSentinel(options.redisUrl) ? [] : [portOf(options.redisUrl)], random }),
    startFaultProxy({ upstreams: [portOf(options.databaseUrl)], random }),
  ]);
  const port = await freePort();
  // Pids that a fault has ended: their exit is no surprise.
  const doomed = new Set<number>();
  let service: ServiceProcess | undefined;
  let { version } = options;
  const closeLinks = async () => {
    await redis[Symbol.asyncDispose]();
    await postgres[Symbol.asyncDispose]();
  };
  try {
    service = await startService({
      name,
      // Read at each start.
      get main() {
        return join(version, 'services', kind, 'src/main.ts');
      },
      env: {
        ...process.env,
        HOST: '127.0.0.1',
        LOG_LEVEL: 'warn',
        LOG_FORMAT: 'json',
        ...(kind === 'gateway'
          ? { PORT: String(port), ADMIN_PORT: '0', GATEWAY_NAME: name, GATEWAY_PROCESSES: '1' }
          : { ADMIN_PORT: String(port), WORKER_NAME: name }),
        ...options.env,
        REDIS_URL: isSentinel(options.redisUrl) ? options.redisUrl : withPort(options.redisUrl, redis.port),
        DATABASE_URL: withPort(options.databaseUrl, postgres.port),
      },
      logFile: join(options.logsDir, `${name}.log`),
      // Faults end it again and again, which is no crash loop.
      longestPauseMs: 500,
      // Called when the process has ended, with the sentence that tells how.
      log: (how) => options.onExit({ process: name, how, ordered: doomed.has(service?.pid() ?? 0) }),
    });
  } catch (error) {
    await closeLinks();
    throw error;
  }
  const running = service;
  const signal = (which: NodeJS.Signals) => {
    try {
      process.kill(running.pid(), which);
    } catch (error) {
      // Between its end and its restart there is nobody to hear it.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  const adminPort = running.ready().adminPort ?? port;
  const ask = async (path: string, at = port) => {
    const response = await fetch(`http://127.0.0.1:${at}${path}`, { signal: AbortSignal.timeout(2_000) });
    return { ok: response.ok, text: await response.text() };
  };
  return {
    name,
    port,
    adminPort,
    redis,
    postgres,
    pid: () => running.pid(),
    kill(which = 'SIGKILL') {
      doomed.add(running.pid());
      signal(which);
    },
    moveTo(another) {
      version = another;
    },
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    isReady: () =>
      ask('/readyz').then(
        ({ ok }) => ok,
        () => false,
      ),
    metric: (metric) =>
      ask('/metrics', adminPort).then(
        ({ text }) => sumOf(text, metric),
        () => undefined,
      ),
    async stop() {
      signal('SIGCONT');
      doomed.add(running.pid());
      // Hurries a drain.
      signal('SIGINT');
      await running.stop(4_000);
      await closeLinks();
    },
  };
}

function sumOf(text: string, metric: string): number {
  const values = [...text.matchAll(/^(\w+)(?:\{[^}]*\})? (\S+)$/gm)].filter(([, name]) => name === metric);
  return values.reduce((sum, [, , value]) => sum + Number(value), 0);
}

function isSentinel(url: string): boolean {
  return url.startsWith('redis+sentinel:');
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

function withPort(url: string, port: number): string {
  const changed = new URL(url);
  changed.port = String(port);
  return changed.href;
}
