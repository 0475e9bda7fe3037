import { setImmediate as endOfTurn } from 'node:timers/promises';
import { type Logger, retry } from '@chat-cluster/runtime';

/** Keys per batch: a script over this many hashes occupies Redis for less than a millisecond. */
const MAX_BATCH = 500;

/**
 * A set of keys that each need some work, which is repeated until it succeeds. A key that is added twice is in the set
 * once. One batch is in progress at a time; keys added meanwhile form the next one. The keys of a failed batch are
 * added again, and retried after a back-off of 100 ms to 2 s.
 *
 * A key that is added while its own batch is in progress gets another run, because that batch may have missed the
 * change.
 */
export class RetryingKeySet<Key> {
  #work: (keys: Key[]) => Promise<void>;
  #onFailure: (error: unknown, attempt: number) => void;
  #keys = new Set<Key>();
  #running: Promise<void> | undefined;
  #stop = new AbortController();

  /** The second of several failures in a row is logged with `what`, the name of the work. */
  constructor(work: (keys: Key[]) => Promise<void>, logger: Logger, what: string) {
    this.#work = work;
    this.#onFailure = (error, attempt) => {
      if (attempt === 1) logger.warn({ reason: String(error) }, `${what} failed, retrying`);
    };
  }

  get size(): number {
    return this.#keys.size;
  }

  add(key: Key): void {
    if (this.#stop.signal.aborted) return;
    this.#keys.add(key);
    this.#running ??= this.#run();
  }

  /** Resolves when the set is empty and no batch is in progress. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** Drops all keys. */
  stop(): void {
    this.#keys.clear();
    this.#stop.abort();
  }

  async #run(): Promise<void> {
    await endOfTurn();
    const options = { signal: this.#stop.signal, onFailure: this.#onFailure };
    // It rejects only after `stop`, which has dropped all keys.
    while (this.#keys.size > 0) await retry(() => this.#runBatch(), options).catch(() => {});
    this.#running = undefined;
  }

  async #runBatch(): Promise<void> {
    const batch = this.#keys.values().take(MAX_BATCH).toArray();
    for (const key of batch) this.#keys.delete(key);
    try {
      await this.#work(batch);
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      for (const key of batch) this.#keys.add(key);
      throw error;
    }
  }
}
