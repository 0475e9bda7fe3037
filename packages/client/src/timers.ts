import type { Batch } from './batch.ts';
import type { Clock } from './core/seams.ts';

/** The clock of one client. Each timer runs as a batch, and `end` cancels all of them. */
export class Timers implements Clock {
  #clock: Clock;
  #batch: Batch;
  #active = new Set<() => void>();
  #isEnded = false;

  constructor(clock: Clock, batch: Batch) {
    this.#clock = clock;
    this.#batch = batch;
  }

  now(): number {
    return this.#clock.now();
  }

  random(): number {
    return this.#clock.random();
  }

  after(ms: number, run: () => void): () => void {
    if (this.#isEnded) return () => {};
    const stop = this.#clock.after(ms, () => {
      this.#active.delete(cancel);
      this.#batch.run(run);
    });
    const cancel = () => {
      this.#active.delete(cancel);
      stop();
    };
    this.#active.add(cancel);
    return cancel;
  }

  end(): void {
    this.#isEnded = true;
    for (const cancel of this.#active) cancel();
  }
}
