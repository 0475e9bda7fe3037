import { backoff } from './deadline.ts';
import type { Logger } from './logger.ts';

/**
 * Does `work` again until it succeeds, with jittered back-off from 100 ms to 2 s: for steps of a start whose server may
 * go away just then. A start that waits is worth more than one that fails: a process that ends is started again and
 * fails again, ever more slowly.
 */
export async function persist<T>(what: string, logger: Logger, work: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === 0) logger.warn({ reason: String(error) }, `${what}: failed, trying again`);
      await backoff(attempt, 100, 2_000);
    }
  }
}
