import { setTimeout as delay } from 'node:timers/promises';

/**
 * Repeats `assertion` until it does not throw, and resolves with its result. After `ms` milliseconds it rejects with
 * the last error. For conditions that become true by themselves; where there is an ack, await the ack.
 */
export async function eventually<T>(assertion: () => T | Promise<T>, ms = 60_000): Promise<T> {
  const deadline = performance.now() + ms;
  // Short pauses at first. For a condition that takes long, a hundred checks a second would waste CPU.
  for (let pause = 5; ; pause = Math.min(50, pause * 1.2)) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(pause);
    }
  }
}
