/** The work did not end in time. It keeps running: its outcome is unknown and its result is dropped. */
export class DeadlineError extends Error {
  override name = 'DeadlineError';

  constructor(what: string, ms: number) {
    super(`${what}: no answer within ${ms} ms`);
  }
}

/** The result of `work`, or a {@link DeadlineError} after `ms` milliseconds. A later failure of `work` is ignored. */
export function withDeadline<T>(work: Promise<T>, ms: number, what: string): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const timer = setTimeout(() => reject(new DeadlineError(what, ms)), ms);
  void work.finally(() => clearTimeout(timer)).then(resolve, reject);
  return promise;
}
