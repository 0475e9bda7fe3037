import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from './logger.ts';

/**
 * Repeats `work` until it succeeds, with a jittered back-off, and resolves with its result. For work whose server may
 * be away for a while: a process that waits is better than one that fails, is restarted and fails again.
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

export interface RetryOptions {
  /** Bounds of the jittered back-off between two attempts, in ms. Default: 100 and 2,000. */
  minMs?: number;
  maxMs?: number;
  /** Aborting it ends the wait between two attempts: `retry` then rejects with an AbortError. */
  signal?: AbortSignal;
  /** Called after each failed attempt, counted from 0. An error that it throws ends the retries and is thrown. */
  onFailure?(error: unknown, attempt: number): void;
}

/** An `onFailure` that logs the first failure of a series as a warning: `what`, and that it is retried. */
export function logFirstFailure(logger: Logger, what: string): NonNullable<RetryOptions['onFailure']> {
  return (error, attempt) => {
    if (attempt === 0) logger.warn({ reason: String(error) }, `${what}: failed, retrying`);
  };
}

/**
 * Exponential back-off with full jitter: waits for a random time up to `min(capMs, baseMs * 2^attempt)`, so that many
 * clients that failed together do not return together. Rejects with an AbortError when `signal` aborts.
 */
export async function backoff(attempt: number, baseMs: number, capMs: number, signal?: AbortSignal): Promise<void> {
  const ceiling = Math.min(capMs, baseMs * 2 ** Math.min(attempt, 20));
  await delay(Math.random() * ceiling, undefined, signal ? { signal } : {});
}
