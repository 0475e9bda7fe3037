import { setTimeout as delay } from 'node:timers/promises';

/** Shortest time between two looks at the clock, in ms. */
const TICK_MS = 10;

export interface OpenLoop {
  /** Calls made so far. */
  readonly count: number;
  /** Ends the loop. Resolves when no further call follows. */
  stop(): Promise<void>;
}

/**
 * Calls `act` with 0, 1, 2 … `perSecond` times a second, by the clock: it does not wait for earlier calls, and makes up
 * for calls that are late.
 */
export function openLoop(perSecond: number, act: (index: number) => void): OpenLoop {
  const started = performance.now();
  let count = 0;
  let stopped = false;
  const loop = (async () => {
    while (!stopped) {
      const due = ((performance.now() - started) / 1_000) * perSecond;
      while (count < due) act(count++);
      await delay(Math.min(TICK_MS, 1_000 / perSecond));
    }
  })();
  return {
    get count() {
      return count;
    },
    async stop() {
      stopped = true;
      await loop;
    },
  };
}
