import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../src/types.ts';

/** A clock that moves when a test moves it. `chance` is what `random` returns. */
export class ManualClock implements Clock {
  chance = 0.5;
  #now = Date.parse('2026-01-01T12:00:00Z');
  #timers = new Set<{ at: number; run: () => void }>();

  now(): number {
    return this.#now;
  }

  random(): number {
    return this.chance;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Timers that are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Moves the time, runs the timers on the way in their order, and lets promises settle. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await nextTurn();
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#now = Math.max(this.#now, next.at);
      this.#timers.delete(next);
      next.run();
      await nextTurn();
    }
    this.#now = end;
  }

  /** The device sleeps: no timer runs meanwhile. */
  sleep(ms: number): void {
    this.#now += ms;
  }
}
