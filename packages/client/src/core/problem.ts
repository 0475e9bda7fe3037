/** An error with a code. `message` is a sentence that states what to do. */
export interface Problem<Code> {
  code: Code;
  message: string;
  retryable: boolean;
}

export function problem<const Code extends string>(code: Code, message: string, retryable = true): Problem<Code> {
  return { code, message, retryable };
}
