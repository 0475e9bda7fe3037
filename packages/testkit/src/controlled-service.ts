import { join } from 'node:path';
import { freePort, type ServiceProcess, startChatService } from '@chat-cluster/local-cluster';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import type { Random } from './random.ts';

/** A gateway or worker as a process that a fault can end or pause. It is restarted when it ends, as by a supervisor. */
export interface ControlledService {
  name: string;
  pid(): number;
  /** HTTP port: the API of a gateway, the probes of a worker. Does not change over restarts. */
  port: number;
  /** Port of metrics and POST /drain. Does not change over restarts. */
  adminPort: number;
  /**
   * Its own links to the servers. With Sentinel the Redis link is idle: the service gets the address of the primary.
   */
  redis: FaultProxy;
  postgres: FaultProxy;
  kill(signal?: 'SIGKILL' | 'SIGTERM'): void;
  /** From its next start on it runs the version in this folder. */
  moveTo(version: string): void;
  pause(): void;
  resume(): void;
  /** True when /readyz responds with 200. */
  isReady(): Promise<boolean>;
  /** Value of a metric, summed over all labels; undefined while the service does not respond. */
  metric(name: string): Promise<number | undefined>;
  stop(): Promise<void>;
}

export interface ServiceOptions {
  kind: 'gateway' | 'worker';
  name: string;
  env: NodeJS.ProcessEnv;
  /** URLs of the servers themselves; their ports are replaced by those of the proxies. */
  redisUrl: string;
  databaseUrl: string;
  /** Folder of the repository with its dependencies installed. */
  version: string;
  logsDir: string;
  random: Random;
  onExit(exit: { process: string; how: string; ordered: boolean }): void;
}

/** Starts a gateway or worker behind its own proxies to Redis and Postgres, and restarts it whenever it ends. */
export async function controlService(options: ServiceOptions): Promise<ControlledService> {
  const { kind, name, random } = options;
  const [redis, postgres] = await Promise.all([
    startFaultProxy({ upstreams: isSentinel(options.redisUrl) ? [] : [portOf(options.redisUrl)], random }),
    startFaultProxy({ upstreams: [portOf(options.databaseUrl)], random }),
  ]);
  // Not port 0: while the process restarts, an outgoing connection could take such a port.
  const port = await freePort();
  // Pids that a fault has ended: their exit is ordered.
  const doomed = new Set<number>();
  let service: ServiceProcess | undefined;
  let { version } = options;
  const closeLinks = async () => {
    await redis[Symbol.asyncDispose]();
    await postgres[Symbol.asyncDispose]();
  };
  try {
    service = await startChatService({
      kind,
      name,
      version: () => version,
      env: {
        [kind === 'gateway' ? 'PORT' : 'ADMIN_PORT']: String(port),
        ...options.env,
        REDIS_URL: isSentinel(options.redisUrl) ? options.redisUrl : withPort(options.redisUrl, redis.port),
        DATABASE_URL: withPort(options.databaseUrl, postgres.port),
      },
      logFile: join(options.logsDir, `${name}.log`),
      // Faults end it again and again, which is not a crash loop.
      longestPauseMs: 500,
      // Called after the process has ended.
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
      // Between its end and its restart there is no process.
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
