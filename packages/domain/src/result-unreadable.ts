/**
 * The database has executed a call, but its result cannot be used: a bug, or a setting that changes the form of a value.
 * Outside of a transaction the call has committed, so it must not be reported as rejected.
 */
export class ResultUnreadable extends Error {
  override name = 'ResultUnreadable';
  code = 'RESULT_UNREADABLE';

  constructor(cause: unknown) {
    super('the database has executed a statement whose result cannot be read', { cause });
  }
}

/** Returns what `read` makes of a result. Any fault of it is thrown as {@link ResultUnreadable}. */
export function readResult<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw cause instanceof ResultUnreadable ? cause : new ResultUnreadable(cause);
  }
}
