import { join } from 'node:path';
import { freePort, type ServiceProcess, signalQuietly, startChatService } from '@chat-cluster/local-cluster';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { readMetrics } from './metrics.ts';
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

/** Longest wait for a probe or the metrics, in ms. */
const REPLY_WITHIN_MS = 2_000;

/** Starts a gateway or worker behind its own proxies to Redis and Postgres, and restarts it whenever it ends. */
export async function controlService(options: ServiceOptions): Promise<ControlledService> {
  const { redisUrl, databaseUrl, random } = options;
  const [redis, postgres] = await Promise.all([
    startFaultProxy({ upstreams: isSentinel(redisUrl) ? [] : [portOf(redisUrl)], random }),
    startFaultProxy({ upstreams: [portOf(databaseUrl)], random }),
  ]);
  const service = new Controlled(options, redis, postgres);
  try {
    // Not port 0: while the process restarts, an outgoing connection could take such a port.
    await service.start(await freePort());
    return service;
  } catch (error) {
    await service.closeLinks();
    throw error;
  }
}

class Controlled implements ControlledService {
  readonly name: string;
  readonly redis: FaultProxy;
  readonly postgres: FaultProxy;
  port = 0;
  adminPort = 0;
  #options: ServiceOptions;
  #version: string;
  #process: ServiceProcess | undefined;
  /** Pids that a fault has ended: their exit is ordered. */
  #doomed = new Set<number>();

  constructor(options: ServiceOptions, redis: FaultProxy, postgres: FaultProxy) {
    this.name = options.name;
    this.redis = redis;
    this.postgres = postgres;
    this.#options = options;
    this.#version = options.version;
  }

  async start(port: number): Promise<void> {
    const { kind, name, env, redisUrl, databaseUrl, logsDir, onExit } = this.#options;
    this.#process = await startChatService({
      kind,
      name,
      version: () => this.#version,
      env: {
        // All clients come from one address.
        CONNECTS_PER_SECOND_PER_ADDRESS: '0',
        MAX_UNAUTHENTICATED_PER_ADDRESS: '0',
        [kind === 'gateway' ? 'PORT' : 'ADMIN_PORT']: String(port),
        ...env,
        REDIS_URL: isSentinel(redisUrl) ? redisUrl : withPort(redisUrl, this.redis.port),
        DATABASE_URL: withPort(databaseUrl, this.postgres.port),
      },
      logFile: join(logsDir, `${name}.log`),
      // Faults end it again and again, which is not a crash loop.
      longestPauseMs: 500,
      // Called after the process has ended.
      log: (how) => onExit({ process: name, how, ordered: this.#doomed.has(this.pid()) }),
    });
    this.port = port;
    this.adminPort = this.#process.ready().adminPort ?? port;
  }

  pid(): number {
    return this.#process?.pid() ?? 0;
  }

  kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): void {
    this.#doomed.add(this.pid());
    this.#signal(signal);
  }

  moveTo(version: string): void {
    this.#version = version;
  }

  pause(): void {
    this.#signal('SIGSTOP');
  }

  resume(): void {
    this.#signal('SIGCONT');
  }

  isReady(): Promise<boolean> {
    return fetch(`http://127.0.0.1:${this.port}/readyz`, { signal: AbortSignal.timeout(REPLY_WITHIN_MS) }).then(
      async ({ ok, body }) => {
        await body?.cancel();
        return ok;
      },
      () => false,
    );
  }

  metric(name: string): Promise<number | undefined> {
    return readMetrics([`http://127.0.0.1:${this.adminPort}`], REPLY_WITHIN_MS).then(
      (metrics) => metrics.get(name) ?? 0,
      () => undefined,
    );
  }

  async stop(): Promise<void> {
    this.resume();
    this.#doomed.add(this.pid());
    // Shortens a drain.
    this.#signal('SIGINT');
    await this.#process?.stop(4_000);
    await this.closeLinks();
  }

  async closeLinks(): Promise<void> {
    await this.redis[Symbol.asyncDispose]();
    await this.postgres[Symbol.asyncDispose]();
  }

  #signal(signal: NodeJS.Signals): void {
    // Between its end and its restart there is no process.
    signalQuietly(this.pid(), signal);
  }
}

function isSentinel(url: string): boolean {
  return /^rediss?\+sentinel:/.test(url);
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

function withPort(url: string, port: number): string {
  const changed = new URL(url);
  changed.port = String(port);
  return changed.href;
}
