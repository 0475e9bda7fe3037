import type { ErrorPayload } from '@chat-cluster/contracts';
import { problem } from './core/problem.ts';
import type { ChatError } from './types.ts';

/** Throw it in `getToken` when the user may not sign in any more: the client stops and has the state `unauthorized`. */
export class Unauthorized extends Error {
  constructor(message = 'The user is not signed in. Sign in, then call connect().') {
    super(message);
    this.name = 'Unauthorized';
  }
}

/** An Error with the fields of a `ChatError`: the reason of each rejected promise of the library. */
export class ChatFailure extends Error implements ChatError {
  declare readonly code: ChatError['code'];
  declare readonly retryable: boolean;

  constructor(error: ChatError) {
    super(error.message);
    this.name = 'ChatFailure';
    Object.assign(this, chatError(error));
  }
}

/** An error of the server as a ChatError: without `retryAfterMs`. */
export function chatError({ code, message, retryable }: ChatError | ErrorPayload): ChatError {
  return problem(code, message, retryable);
}

/** The text of anything thrown. */
export function textOf(error: unknown): string {
  return String((error as Error | null)?.message ?? error);
}

/** A text that another sentence follows, without the full stop that it may have. */
export function withoutStop(text: string): string {
  return text.replace(/\.$/, '');
}

/** What a failure of `getToken` means. Not retryable: it has thrown `Unauthorized`. */
export function tokenProblem(error: unknown): ChatError {
  const message = textOf(error);
  return (error as Error | null)?.name === 'Unauthorized'
    ? problem('TOKEN_MISSING', message, false)
    : problem('GET_TOKEN_FAILED', `getToken failed: ${withoutStop(message)}. Check the service that issues tokens.`);
}

/** Throws a TypeError unless the condition holds. */
export function check(condition: unknown, sentence: string): asserts condition {
  if (!condition) throw new TypeError(sentence);
}
