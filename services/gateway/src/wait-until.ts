import { setTimeout as delay } from 'node:timers/promises';

/** Time between two checks of a condition, in ms. */
const CHECK_INTERVAL_MS = 10;

/** Resolves when the condition holds, after `ms` at the latest. */
export async function waitUntil(condition: () => boolean, ms: number): Promise<void> {
  const deadline = performance.now() + ms;
  while (!condition() && performance.now() < deadline) await delay(CHECK_INTERVAL_MS);
}
