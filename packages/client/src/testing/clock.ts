/** The time of a fake cluster. */
export interface FakeClock {
  /** ms since 1970. */
  now(): number;
  /** Calls `due` once after `ms`. Returns a function that cancels it. */
  after(ms: number, due: () => void): () => void;
}

/** A clock that stands still until `advance` moves it. */
export class ManualClock implements FakeClock {
  #now: number;
  #timers = new Set<{ at: number; due: () => void }>();

  constructor(now: number) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, due: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, ms), due };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Moves the time forward and calls what is due, in the order of time. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#timers.delete(next);
      this.#now = next.at;
      next.due();
    }
    this.#now = end;
  }
}

/** The clock and the timers of the platform. */
export const platformClock: FakeClock = {
  now: () => Date.now(),
  after(ms, due) {
    const timer = setTimeout(due, Math.min(ms, LONGEST_TIMER_MS));
    return () => clearTimeout(timer);
  },
};

/** Longest time of setTimeout, in ms: about 25 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
