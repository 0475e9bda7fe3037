import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits until `condition` is true. Resolves with the time it took, in ms: a time above `timeoutMs` when it did not
 * become true in time.
 */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number,
  everyMs = 50,
): Promise<number> {
  const started = performance.now();
  const elapsed = () => performance.now() - started;
  while (elapsed() <= timeoutMs && !(await condition())) await delay(everyMs);
  return elapsed();
}
