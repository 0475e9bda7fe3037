/** A problem that the user can solve: `message` states the problem and the solution, and is shown without a stack. */
export class UserError extends Error {
  override name = 'UserError';
}

/** The text to show for any thrown value. Errors other than UserError keep their stack. */
export function describeError(error: unknown): string {
  if (error instanceof UserError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
