/** A rate limit: `burst` at once, `perSecond` sustained. Small and without a timer, since every socket has one. */
export class TokenBucket {
  #perMs: number;
  #burst: number;
  #tokens: number;
  #at: number;

  constructor(perSecond: number, burst: number) {
    this.#perMs = perSecond / 1_000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = performance.now();
  }

  /** Takes `count` tokens and returns 0, or takes none and returns the time in ms until there are `count`. */
  take(count = 1): number {
    const now = performance.now();
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs);
    this.#at = now;
    if (this.#tokens < count) return Math.ceil((count - this.#tokens) / this.#perMs);
    this.#tokens -= count;
    return 0;
  }
}

/**
 * A rate limit with an end: a client that goes on for too long beyond it is to be disconnected. It may exceed the limit
 * as often as the limit's burst at once, and a tenth of the limit's rate sustained.
 */
export class RateLimit {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #allowed: TokenBucket;
  /** Absent before the first excess, since most clients have none. */
  #excess: TokenBucket | undefined;
  #isAbused = false;

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#allowed = new TokenBucket(perSecond, burst);
  }

  /** Counts a packet. Returns 0 within the limit, otherwise the time in ms until another packet is within it. */
  take(): number {
    const waitMs = this.#allowed.take();
    this.#isAbused = false;
    if (waitMs > 0) {
      this.#excess ??= new TokenBucket(this.#perSecond / 10, this.#burst);
      this.#isAbused = this.#excess.take() > 0;
    }
    return waitMs;
  }

  /** Whether the last packet was one too many beyond the limit. */
  get isAbused(): boolean {
    return this.#isAbused;
  }
}
