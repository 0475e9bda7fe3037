/** The time of a fake cluster, without chance. */
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
    // Whole milliseconds, as the timers of the platform.
    const timer = { at: this.#now + Math.max(0, Math.ceil(ms)), due };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Moves the time to the next timer that is due until `end`, and calls it. Without one, moves it to `end`: false. */
  step(end: number): boolean {
    const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
    this.#now = next?.at ?? end;
    if (!next) return false;
    this.#timers.delete(next);
    next.due();
    return true;
  }
}

/** Numbers from 0 to 1 that are the same in each run. */
export function repeatableRandom(): () => number {
  let state = 1;
  return () => {
    // The generator of Park and Miller.
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
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
