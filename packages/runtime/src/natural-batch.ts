/** A batch hangs when it has run for HANG_MS, and for HANG_FACTOR times the duration of the batch before it. */
const HANG_MS = 1_000;
const HANG_FACTOR = 3;

/**
 * Natural batching: items wait while earlier batches are in flight; when a batch completes, the waiting items form the
 * next one. There is no timer: an idle process runs each item at once, a busy process runs large batches, so the batch
 * size follows the rate. After an idle moment the first batch starts at the end of the current event-loop turn, so that
 * items which arrived in one read of many sockets share it. Batches start in the order of submission; with
 * `maxInFlight` 1 they also complete in it.
 *
 * Past `maxWaiting`, `submit` rejects at once with `overflow()`. `maxWaitMs` sheds by time instead of by number:
 * `submit` also rejects while all of these hold:
 * - the oldest waiting item has waited longer than `maxWaitMs`;
 * - more items wait than fit into one batch, and more than recent full batches would complete within `maxWaitMs`;
 * - the batch in flight does not hang: otherwise every item waits for that batch.
 * So a burst is accepted, a steady rate above the throughput is shed, and an accepted item waits for about `maxWaitMs`.
 */
export class NaturalBatch<In, Out> {
  #options: NaturalBatchOptions<In, Out>;
  #waiting: Waiting<In, Out>[] = [];
  #inFlight = 0;
  #scheduled = false;
  /** Items per ms while full batches run: a moving average in which the newest batch counts for a fifth. */
  #rate = Number.POSITIVE_INFINITY;
  /** Duration of the batch that completed last, in ms. */
  #lastRunMs = 0;
  /** Start of the newest batch, as `performance.now()`. */
  #lastStartAt = 0;

  constructor(options: NaturalBatchOptions<In, Out>) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting.length;
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
        this.#startBatches();
      });
    }
    return promise;
  }

  /** Rejects every waiting item. Batches in flight continue. */
  rejectWaiting(reason: () => Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(reason());
  }

  #isFull(): boolean {
    const { maxItems, maxWaiting, maxWaitMs = Number.POSITIVE_INFINITY } = this.#options;
    const [first] = this.#waiting;
    if (!first) return false;
    if (this.#waiting.length >= maxWaiting) return true;
    const now = performance.now();
    if (now - first.since <= maxWaitMs) return false;
    if (this.#waiting.length < Math.max(maxItems, this.#rate * maxWaitMs)) return false;
    return now - this.#lastStartAt < Math.max(HANG_MS, HANG_FACTOR * this.#lastRunMs);
  }

  #startBatches(): void {
    while (this.#waiting.length > 0 && this.#inFlight < this.#options.maxInFlight) {
      const batch = this.#takeBatch();
      this.#inFlight++;
      void this.#run(batch).finally(() => {
        this.#inFlight--;
        this.#startBatches();
      });
    }
  }

  /** As many items as the limits allow, but at least one. */
  #takeBatch(): Waiting<In, Out>[] {
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

  async #run(batch: Waiting<In, Out>[]): Promise<void> {
    const started = performance.now();
    const othersWait = this.#waiting.length > 0;
    this.#lastStartAt = started;
    try {
      const results = await this.#options.run(batch.map((waiting) => waiting.item));
      this.#measure(batch.length, othersWait, performance.now() - started);
      if (results.length !== batch.length) {
        throw new Error(`a batch of ${batch.length} returned ${results.length} results`);
      }
      batch.forEach((waiting, i) => {
        waiting.resolve(results[i] as Out);
      });
    } catch (error) {
      for (const waiting of batch) waiting.reject(error);
    }
  }

  #measure(items: number, othersWait: boolean, ms: number): void {
    this.#lastRunMs = ms;
    if (!othersWait) return;
    const rate = (items * this.#options.maxInFlight) / Math.max(1, ms);
    this.#rate = Number.isFinite(this.#rate) ? this.#rate + (rate - this.#rate) / 5 : rate;
  }
}

export interface NaturalBatchOptions<In, Out> {
  /** Runs one batch; `result[i]` belongs to `items[i]`. A rejection rejects every item of the batch. */
  run(items: In[]): Promise<Out[]>;
  /** Batches in flight at once, items per batch, and items that wait. */
  maxInFlight: number;
  maxItems: number;
  maxWaiting: number;
  /** Wait of the oldest item after which excess items are rejected, in ms. Default: no limit. */
  maxWaitMs?: number;
  /** Sum of `weigh` per batch; one item always fits. Default: no limit. */
  maxWeight?: number;
  weigh?(item: In): number;
  /** The error of an item that is rejected because of a limit. */
  overflow(): Error;
}

interface Waiting<In, Out> extends Pick<PromiseWithResolvers<Out>, 'resolve' | 'reject'> {
  item: In;
  /** `performance.now()` of its submission. */
  since: number;
}
