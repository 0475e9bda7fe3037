import { setTimeout as delay } from 'node:timers/promises';

/**
 * Repeats `assertion` until it no longer throws and resolves with its result; after `ms` milliseconds throws what it
 * threw last. For what becomes true by itself: never a substitute for awaiting an ack.
 */
export async function eventually<T>(assertion: () => T | Promise<T>, ms = 10_000): Promise<T> {
  const until = performance.now() + ms;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() > until) throw error;
      await delay(10);
    }
  }
}
