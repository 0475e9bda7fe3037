/** A problem that the reader can solve: `message` says what is wrong and what to do, and is shown without a stack. */
export class UserError extends Error {
  override name = 'UserError';
}

/** The text to show for anything thrown. Errors other than UserError keep their stack. */
export function describeError(error: unknown): string {
  if (error instanceof UserError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
