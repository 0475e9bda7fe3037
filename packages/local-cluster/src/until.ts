import { setTimeout as pause } from 'node:timers/promises';

/**
 * Calls `check` every `everyMs` until it returns something other than undefined, and returns that; undefined when
 * `withinMs` have passed. An error that `check` throws ends the wait and is thrown.
 */
export async function until<T>(
  check: () => T | undefined | Promise<T | undefined>,
  { withinMs, everyMs = 20 }: { withinMs: number; everyMs?: number },
): Promise<T | undefined> {
  const deadline = performance.now() + withinMs;
  while (true) {
    const answer = await check();
    if (answer !== undefined) return answer;
    if (performance.now() >= deadline) return undefined;
    await pause(everyMs);
  }
}
