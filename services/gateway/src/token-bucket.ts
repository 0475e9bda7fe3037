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
