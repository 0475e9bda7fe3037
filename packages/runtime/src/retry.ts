import { backoff } from './deadline.ts';
import type { Logger } from './logger.ts';

export interface RetryOptions {
  /** Bounds of the jittered back-off between two attempts, in ms. Default: 100 and 2,000. */
  minMs?: number;
  maxMs?: number;
  /** Aborting it ends the wait: `retry` then rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called after each failed attempt; `attempt` counts from 0. An error that it throws ends the retries and is thrown. */
  onFailure?(error: unknown, attempt: number): void;
}

/**
 * Repeats `work` until it succeeds, with a jittered back-off, and resolves with its result. For work whose server may be
 * away for a while: a process that waits is worth more than one that fails, is restarted and fails again.
 */
export async function retry<T>(work: () => Promise<T>, options: RetryOptions = {}): Promise<T> {
  const { minMs = 100, maxMs = 2_000, signal, onFailure } = options;
  for (let attempt = 0; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      onFailure?.(error, attempt);
      await backoff(attempt, minMs, maxMs, signal);
    }
  }
}

/** An `onFailure` that logs the first failure of a series as a warning: `what`, and that it is retried. */
export function logFirstFailure(logger: Logger, what: string): NonNullable<RetryOptions['onFailure']> {
  return (error, attempt) => {
    if (attempt === 0) logger.warn({ reason: String(error) }, `${what}: failed, retrying`);
  };
}
