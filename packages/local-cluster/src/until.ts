import { setTimeout as pause } from 'node:timers/promises';

/**
 * Asks `check` again every `everyMs` until it answers something other than `undefined`, and returns that.
 * Answers `undefined` when `withinMs` have passed. What `check` throws ends the wait.
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
