/**
 * Natural batching, gated by completion.
 *
 * Items gather in an open batch while earlier batches are in flight; when one completes, all that gathered meanwhile
 * leaves together. No timer, no linger: an idle process sends batches of one at once, a busy one sends large ones, and
 * the batch size finds the rate by itself. The first batch of an idle moment leaves at the end of the current turn of
 * the event loop, so that items which arrived in one read of many sockets share it.
 *
 * Bounds: at most `maxInFlight` batches are under way, at most `maxItems` items (and `maxWeight` of weight) are in one,
 * at most `maxWaiting` wait. Past that `submit` rejects at once with `overflow()`. Batches leave in order of
 * submission; with `maxInFlight` 1 they also complete in it.
 */
export interface NaturalBatchOptions<In, Out> {
  /** Carries out one batch; `result[i]` belongs to `items[i]`. A rejection rejects every item of the batch. */
  run(items: In[]): Promise<Out[]>;
  maxInFlight: number;
  maxItems: number;
  maxWaiting: number;
  maxWeight?: number;
  weigh?(item: In): number;
  overflow(): Error;
}

interface Waiting<In, Out> {
  item: In;
  resolve(value: Out): void;
  reject(reason: unknown): void;
}

export class NaturalBatch<In, Out> {
  #options: NaturalBatchOptions<In, Out>;
  #waiting: Waiting<In, Out>[] = [];
  #inFlight = 0;
  #scheduled = false;

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
    if (this.#waiting.length >= this.#options.maxWaiting) return Promise.reject(this.#options.overflow());
    const promise = new Promise<Out>((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
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
    try {
      const results = await this.#options.run(batch.map((waiting) => waiting.item));
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
