import type { FailureAck } from '@chat-cluster/contracts';

/**
 * A refusal as an outcome. That of a token is retryable: it concerns the connection, and the next one carries the message
 * with another token.
 */
export function refused({ code, retryable }: FailureAck['error'], at: number) {
  return { kind: 'refused', at, code, retryable: retryable || code.startsWith('TOKEN_') } as const;
}

/** Time of an answer that never came. Not Infinity, which JSON cannot represent. */
export const NEVER = 1e12;
