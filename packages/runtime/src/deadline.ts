import { setTimeout as delay } from 'node:timers/promises';

/** The work did not end in time. It goes on by itself: its outcome is unknown and its result dropped. */
export class DeadlineError extends Error {
  constructor(what: string, ms: number) {
    super(`${what}: no answer within ${ms} ms`);
    this.name = 'DeadlineError';
  }
}

/** `work`, or a {@link DeadlineError} after `ms` milliseconds. A later failure of the work is swallowed here. */
export async function withDeadline<T>(work: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineError(what, ms)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    work.catch(() => {});
  }
}

/**
 * Full-jitter exponential back-off: a random wait up to `min(capMs, baseMs * 2^attempt)`, so that many who failed
 * together do not come back together. Rejects with the signal's reason when it aborts.
 */
export async function backoff(attempt: number, baseMs: number, capMs: number, signal?: AbortSignal): Promise<void> {
  const ceiling = Math.min(capMs, baseMs * 2 ** Math.min(attempt, 20));
  await delay(Math.random() * ceiling, undefined, signal ? { signal } : {});
}
