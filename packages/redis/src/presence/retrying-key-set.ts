import { setImmediate as endOfTurn } from 'node:timers/promises';
import { backoff } from '@chat-cluster/runtime';

/** Keys of one batch: a script over so many hashes keeps Redis for less than a millisecond. */
const MAX_BATCH = 500;

/**
 * Keys at which something is to be done: soon, and again until it succeeds. RetryingKeySet of the same key coalesce, so there
 * are never more of them than keys. One batch is under way at a time; what is marked meanwhile makes up the next. A
 * batch that fails is marked again, and tried after a back-off from 100 ms to 2 s.
 *
 * A key is marked once more when it is marked while its own batch is under way: the work that follows has seen it.
 */
export class RetryingKeySet<Key> {
  #work: (keys: Key[]) => Promise<void>;
  #onFailure: (error: unknown, attempt: number) => void;
  #marked = new Set<Key>();
  #running: Promise<void> | undefined;
  #stop = new AbortController();

  constructor(work: (keys: Key[]) => Promise<void>, onFailure: (error: unknown, attempt: number) => void) {
    this.#work = work;
    this.#onFailure = onFailure;
  }

  get size(): number {
    return this.#marked.size;
  }

  add(key: Key): void {
    if (this.#stop.signal.aborted) return;
    this.#marked.add(key);
    this.#running ??= this.#run();
  }

  /** Resolves when nothing is marked and nothing is under way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** What is marked is forgotten. */
  stop(): void {
    this.#marked.clear();
    this.#stop.abort();
  }

  async #run(): Promise<void> {
    await endOfTurn();
    for (let failures = 0; this.#marked.size > 0; ) {
      const batch = this.#marked.values().take(MAX_BATCH).toArray();
      for (const key of batch) this.#marked.delete(key);
      try {
        await this.#work(batch);
        failures = 0;
      } catch (error) {
        if (this.#stop.signal.aborted) break;
        for (const key of batch) this.#marked.add(key);
        this.#onFailure(error, failures);
        await backoff(failures++, 100, 2_000, this.#stop.signal).catch(() => {});
      }
    }
    this.#running = undefined;
  }
}

/**
 * Visits all keys of a map again and again, each once in about `roundMs`, a slice a second. Keys that come and go meanwhile
 * do no harm. Returns its end.
 */
export function rounds<Key>(map: ReadonlyMap<Key, unknown>, roundMs: number, visit: (key: Key) => void): () => void {
  let round = map.keys();
  let due = 0;
  const timer = setInterval(() => {
    for (due += (map.size * 1_000) / roundMs; due >= 1; due--) {
      const { done, value } = round.next();
      if (done) round = map.keys();
      else visit(value);
    }
  }, 1_000);
  timer.unref();
  return () => clearInterval(timer);
}
