import { setImmediate as nextTurn } from 'node:timers/promises';

/** Milliseconds. */
const TURN_MS = 5;

/**
 * For a loop that sends by the clock. One that is late, because its process got too little CPU, has no moment to wait for,
 * and without a turn of the event loop in between it reads nothing until it has caught up: acks look seconds late that
 * were there, and nobody can stop it.
 */
export class Turns {
  #began = 0;

  /** Lets the event loop turn when it has not done so for TURN_MS. */
  async give(): Promise<void> {
    if (performance.now() - this.#began < TURN_MS) return;
    await nextTurn();
    this.#began = performance.now();
  }
}
