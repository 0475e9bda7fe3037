import { setTimeout as delay } from 'node:timers/promises';

/**
 * Repeats `assertion` until it no longer throws and resolves with its result; after `ms` milliseconds throws what it
 * threw last. For what becomes true by itself: never a substitute for awaiting an ack.
 */
export async function eventually<T>(assertion: () => T | Promise<T>, ms = 30_000): Promise<T> {
  const until = performance.now() + ms;
  // Soon at first; what takes long is not worth the CPU of a hundred looks a second.
  for (let pause = 5; ; pause = Math.min(50, pause * 1.2)) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() > until) throw error;
      await delay(pause);
    }
  }
}
