/**
 * Natural batching, gated by completion.
 *
 * Items gather in an open batch while earlier batches are in flight; when one completes, all that gathered meanwhile
 * leaves together. No timer, no linger: an idle process sends batches of one at once, a busy one sends large ones, and
 * the batch size finds the rate by itself. The first batch of an idle moment leaves at the end of the current turn of
 * the event loop, so that items which arrived in one read of many sockets share it.
 *
 * Bounds: at most `maxInFlight` batches are under way, at most `maxItems` items (and `maxWeight` of weight) are in one,
 * at most `maxWaiting` wait. Past that `submit` rejects at once with `overflow()`, and so it does when the first that
 * waits has done so for `maxWaitMs`, while those that wait are more than the next batch takes, and more than leave in that
 * time at the rate of the last full batches: a burst is taken in, but what comes steadily faster than it leaves is shed,
 * and whoever was let in waits for about that long.
 * Where nothing leaves at all, because the batch in flight hangs, nothing is shed: those who wait are waiting for that.
 * Batches leave in order of
 * submission; with `maxInFlight` 1 they also complete in it.
 */
export interface NaturalBatchOptions<In, Out> {
  /** Carries out one batch; `result[i]` belongs to `items[i]`. A rejection rejects every item of the batch. */
  run(items: In[]): Promise<Out[]>;
  maxInFlight: number;
  maxItems: number;
  maxWaiting: number;
  maxWaitMs?: number;
  maxWeight?: number;
  weigh?(item: In): number;
  overflow(): Error;
}

/** A batch in flight hangs when it takes longer than this, and than so many times what the one before took. */
const HANGS_MS = 1_000;
const HANGS_TIMES = 3;

interface Waiting<In, Out> {
  item: In;
  /** `performance.now()` of its submission. */
  since: number;
  resolve(value: Out): void;
  reject(reason: unknown): void;
}

export class NaturalBatch<In, Out> {
  #options: NaturalBatchOptions<In, Out>;
  #waiting: Waiting<In, Out>[] = [];
  #inFlight = 0;
  #scheduled = false;
  /** Items that leave in a millisecond in batches that leave others behind; the newest counts for a fifth. */
  #rate = Number.POSITIVE_INFINITY;
  /** Of the batch that completed last. */
  #roundTripMs = 0;
  /** When the newest batch left. */
  #departedAt = 0;

  constructor(options: NaturalBatchOptions<In, Out>) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  submit(item: In): Promise<Out> {
    if (this.#isFull()) return Promise.reject(this.#options.overflow());
    const promise = new Promise<Out>((resolve, reject) => {
      this.#waiting.push({ item, since: performance.now(), resolve, reject });
    });
    if (!this.#scheduled && this.#inFlight < this.#options.maxInFlight) {
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.#depart();
      });
    }
    return promise;
  }

  /** Rejects everything that waits; what is in flight goes on. */
  rejectWaiting(reason: () => Error): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { reject } of waiting) reject(reason());
  }

  #depart(): void {
    while (this.#waiting.length > 0 && this.#inFlight < this.#options.maxInFlight) {
      const batch = this.#take();
      this.#inFlight++;
      void this.#carryOut(batch).finally(() => {
        this.#inFlight--;
        this.#depart();
      });
    }
  }

  #isFull(): boolean {
    const { maxItems, maxWaiting, maxWaitMs = Number.POSITIVE_INFINITY } = this.#options;
    const [first] = this.#waiting;
    if (!first) return false;
    if (this.#waiting.length >= maxWaiting) return true;
    const now = performance.now();
    if (now - first.since <= maxWaitMs) return false;
    if (this.#waiting.length < Math.max(maxItems, this.#rate * maxWaitMs)) return false;
    return now - this.#departedAt < Math.max(HANGS_MS, HANGS_TIMES * this.#roundTripMs);
  }

  #learn(items: number, leftOthers: boolean, ms: number): void {
    this.#roundTripMs = ms;
    if (!leftOthers) return;
    const rate = (items * this.#options.maxInFlight) / Math.max(1, ms);
    this.#rate = Number.isFinite(this.#rate) ? this.#rate + (rate - this.#rate) / 5 : rate;
  }

  /** At least one item, else as many as the bounds allow. */
  #take(): Waiting<In, Out>[] {
    const { maxItems, maxWeight = Number.POSITIVE_INFINITY, weigh = () => 0 } = this.#options;
    let count = 0;
    let weight = 0;
    for (const { item } of this.#waiting) {
      weight += weigh(item);
      if (count > 0 && (count >= maxItems || weight > maxWeight)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async #carryOut(batch: Waiting<In, Out>[]): Promise<void> {
    const started = performance.now();
    const leftOthers = this.#waiting.length > 0;
    this.#departedAt = started;
    try {
      const results = await this.#options.run(batch.map((waiting) => waiting.item));
      this.#learn(batch.length, leftOthers, performance.now() - started);
      if (results.length !== batch.length) {
        throw new Error(`a batch of ${batch.length} came back with ${results.length} results`);
      }
      batch.forEach((waiting, i) => {
        waiting.resolve(results[i] as Out);
      });
    } catch (error) {
      for (const waiting of batch) waiting.reject(error);
    }
  }
}
