import { setImmediate as nextTurn } from 'node:timers/promises';

/** Longest time between two yields, in ms. */
const LONGEST_MS = 5;

/**
 * Yields to the event loop from a loop that sends by the clock. When its process gets too little CPU, such a loop is
 * late and never waits. Without a turn of the event loop it reads nothing until it has caught up: acks that have
 * arrived look seconds late, and the loop cannot be stopped.
 */
export class Yielder {
  #lastYield = 0;

  /** Yields when LONGEST_MS have passed since the last yield. */
  async yieldWhenDue(): Promise<void> {
    if (performance.now() - this.#lastYield < LONGEST_MS) return;
    await nextTurn();
    this.#lastYield = performance.now();
  }
}
