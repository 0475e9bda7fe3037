/** `burst` packets at once, `perSecond` sustained. All buckets of a limit share one. */
export interface Rate {
  readonly perMs: number;
  readonly burst: number;
}

export function rateOf(perSecond: number, burst: number): Rate {
  return { perMs: perSecond / 1_000, burst };
}

/** Tokens that rounding may cost. */
const ROUNDING = 1e-6;

/** A rate limit. Small and without a timer, since every user and every socket has some. */
export class TokenBucket {
  readonly rate: Rate;
  /** When the bucket is full again, by `performance.now()`: its tokens follow from that. */
  #fullAt = 0;

  constructor(rate: Rate) {
    this.rate = rate;
  }

  /** Takes `count` tokens and returns 0, or takes none and returns the time in ms until there are `count`. */
  take(count = 1): number {
    const { perMs, burst } = this.rate;
    const now = performance.now();
    const fullAt = Math.max(now, this.#fullAt) + count / perMs;
    const missing = (fullAt - now) * perMs - burst;
    if (missing > ROUNDING) return Math.ceil(missing / perMs);
    this.#fullAt = fullAt;
    return 0;
  }
}

/**
 * A rate limit with an end: a client that goes on for too long beyond it is to be disconnected. It may exceed the limit
 * as often as the limit's burst at once, and a tenth of the limit's rate sustained.
 */
export class RateLimit extends TokenBucket {
  /** Absent before the first excess, since most clients have none. */
  #excess: TokenBucket | undefined;
  #isAbused = false;

  /** Counts a packet. Returns 0 within the limit, otherwise the time in ms until another packet is within it. */
  override take(): number {
    const waitMs = super.take();
    this.#isAbused = false;
    if (waitMs > 0) {
      const { perMs, burst } = this.rate;
      this.#excess ??= new TokenBucket({ perMs: perMs / 10, burst });
      this.#isAbused = this.#excess.take() > 0;
    }
    return waitMs;
  }

  /** Whether the last packet was one too many beyond the limit. */
  get isAbused(): boolean {
    return this.#isAbused;
  }
}
