/** A problem the person at the keyboard can solve: `message` is one sentence that says what to do, shown without a stack. */
export class UserError extends Error {
  override name = 'UserError';
}

/** The sentence to show for anything thrown; faults of ours keep their stack. */
export function describeError(error: unknown): string {
  if (error instanceof UserError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
