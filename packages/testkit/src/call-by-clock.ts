import { setTimeout as delay } from 'node:timers/promises';
import { Yielder } from './yielder.ts';

/** Timers have a resolution of 1 ms and fire up to 1 ms late: a call that is less late than this counts as on time. */
const TIMER_GRAIN_MS = 2;

/**
 * Calls `act` every `everyMs`, from `start` on the clock of performance.now(), until `isOver` of the next due time. A
 * call that is late receives the time at which it was due, so that latencies include the delay.
 */
export async function callByClock(
  start: number,
  everyMs: number,
  isOver: (due: number) => boolean,
  act: (due: number) => void,
): Promise<void> {
  const yielder = new Yielder();
  for (let i = 0; ; i++) {
    const due = start + i * everyMs;
    if (isOver(due)) return;
    const wait = due - performance.now();
    await (wait > 0 ? delay(wait) : yielder.yieldWhenDue());
    // The run may have ended during the wait.
    if (isOver(due)) return;
    const now = performance.now();
    act(now - due < TIMER_GRAIN_MS ? now : due);
  }
}
