import type { Logger } from './logger.ts';

/**
 * Start and stop of a process: the parts it owns are stopped in the reverse order of their start.
 *
 *   running ──SIGTERM, POST /drain──▶ draining ──done, hurried or out of time──▶ stopping ──▶ exit
 *      └──SIGINT, parent gone, exception: hurried from the start ───────────────────┘
 *
 * In gateways, workers and the prober, only this class listens for SIGTERM, SIGINT and the end of the parent (a closed
 * IPC channel). The first SIGTERM starts the drain, if the process has one; a second signal ends the drain early
 * ("hurry"), a third exits at once. SIGINT comes from a person at a terminal, where no load balancer must notice the
 * drain, so it hurries from the start. A stop that fails does not prevent the others. All stops share one deadline,
 * which starts at the end of the drain. After it the process exits with code 1.
 */
export class Lifecycle {
  #owned: { name: string; stop: () => unknown }[] = [];
  #logger: Logger;
  #timeoutMs: number;
  #drain: Drain | undefined;
  #hurry = new AbortController();
  #signals = 0;
  #stopping = false;
  #code = 0;

  constructor(logger: Logger, timeoutMs: number) {
    this.#logger = logger;
    this.#timeoutMs = timeoutMs;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.#onSignal(signal));
    process.once('disconnect', () => {
      this.end('the parent process is gone');
      this.hurry();
    });
    process.on('unhandledRejection', (error) => logger.error({ err: error }, 'unhandled rejection'));
    process.on('uncaughtException', (error) => {
      logger.fatal({ err: error }, 'uncaught exception: stopping, because the state of the process is unknown');
      this.#code = 1;
      this.end('uncaught exception');
      this.hurry();
    });
  }

  /** True from the first request to stop, so also during the drain. */
  get stopping(): boolean {
    return this.#stopping;
  }

  /** Takes ownership of `value`. `stop` runs once, when the process ends, after the stops of everything owned later. */
  own<T>(name: string, value: T, stop: (value: T) => unknown): T {
    this.#owned.push({ name, stop: () => stop(value) });
    return value;
  }

  /** Sets the work to do before the first stop. */
  drainWith(drain: Drain): void {
    this.#drain = drain;
  }

  /** Drains, stops everything and exits. Idempotent: further calls have no effect. */
  end(reason: string): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#logger.info({ reason }, 'stopping');
    void this.#end();
  }

  /** Skips the rest of the drain. */
  hurry(): void {
    this.#hurry.abort();
  }

  #onSignal(signal: 'SIGTERM' | 'SIGINT'): void {
    if (++this.#signals > 2) process.exit(1);
    this.end(signal);
    if (this.#signals === 2 || signal === 'SIGINT') this.hurry();
  }

  async #end(): Promise<void> {
    const exit = () => {
      this.#logger.error(`not stopped within ${this.#timeoutMs} ms: exiting anyway`);
      process.exit(1);
    };
    this.#hurry.signal.addEventListener('abort', () => setTimeout(exit, this.#timeoutMs).unref(), { once: true });
    await this.#drained();
    this.hurry();
    await this.#stopAll();
    this.#logger.info('stopped');
    process.exit(this.#code);
  }

  async #drained(): Promise<void> {
    if (!this.#drain) return;
    const timer = setTimeout(() => this.hurry(), this.#drain.withinMs);
    try {
      await this.#drain.run(this.#hurry.signal);
    } catch (error) {
      this.#logger.warn({ err: error }, 'the drain did not end cleanly');
    } finally {
      clearTimeout(timer);
    }
  }

  async #stopAll(): Promise<void> {
    for (const { name, stop } of this.#owned.reverse()) {
      try {
        await stop();
        this.#logger.debug({ part: name }, 'stopped a part');
      } catch (error) {
        this.#logger.warn({ err: error, part: name }, 'a part did not stop cleanly');
      }
    }
  }
}

/** The work between a stop signal and the first stop: it lets clients leave without harm. */
export interface Drain {
  /** Longest time of `run`, in ms; after it, `hurry` is aborted. */
  withinMs: number;
  /** Resolves when everything may be stopped. Ends as soon as possible once `hurry` is aborted. */
  run(hurry: AbortSignal): Promise<unknown>;
}
