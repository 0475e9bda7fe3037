import type { Logger } from './logger.ts';

/**
 * The life of a process: what it owns, in the order in which it started, is stopped in reverse.
 *
 * This is the only place that listens for SIGTERM, SIGINT and the parent's end (a supervised process whose IPC channel
 * closes has lost its parent and stops). Each stop is guarded, so one that fails does not keep the others from theirs;
 * all of them share one deadline, after which the process exits with code 1. A second signal exits at once.
 */
export class Lifecycle {
  #owned: { name: string; stop: () => Promise<unknown> | unknown }[] = [];
  #logger: Logger;
  #timeoutMs: number;
  #stopping: Promise<void> | undefined;

  constructor(logger: Logger, timeoutMs: number) {
    this.#logger = logger;
    this.#timeoutMs = timeoutMs;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (this.#stopping) process.exit(1);
        void this.#end(signal, 0);
      });
    }
    process.once('disconnect', () => void this.#end('the parent process is gone', 0));
    process.on('unhandledRejection', (error) =>
      logger.error({ err: error }, 'unhandled rejection: a promise without an owner'),
    );
    process.on('uncaughtException', (error) => {
      logger.fatal({ err: error }, 'uncaught exception: stopping, since the state of the process is unknown');
      void this.#end('uncaught exception', 1);
    });
  }

  get stopping(): boolean {
    return this.#stopping !== undefined;
  }

  /** Takes over `value`; `stop` runs once, when the process ends, after the stops of everything owned later. */
  own<T>(name: string, value: T, stop: (value: T) => Promise<unknown> | unknown): T {
    this.#owned.push({ name, stop: () => stop(value) });
    return value;
  }

  /** Stops everything, in reverse order. Idempotent; never rejects. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  async #end(reason: string, code: number): Promise<void> {
    if (this.#stopping) return;
    this.#logger.info({ reason }, 'stopping');
    setTimeout(() => {
      this.#logger.error(`not stopped within ${this.#timeoutMs} ms: exiting anyway`);
      process.exit(1);
    }, this.#timeoutMs).unref();
    await this.stop();
    this.#logger.info('stopped');
    process.exit(code);
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
