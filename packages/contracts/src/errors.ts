import { z } from 'zod';

/**
 * The closed table of errors that a client can receive. To add one: a row here, its HTTP status in `http.ts`, and a
 * test that provokes it. `retryable`: the same request may succeed later. Retries are safe, because a resend with the
 * same `clientMessageId` is never stored twice.
 */
export const ERRORS = {
  TOKEN_MISSING: { retryable: false, message: 'No token. Pass a JWT as auth.token (or Authorization: Bearer).' },
  TOKEN_INVALID: { retryable: false, message: 'The token is not valid for this server.' },
  TOKEN_EXPIRED: { retryable: false, message: 'The token has expired. Fetch a new one and connect again.' },
  TOKEN_REVOKED: { retryable: false, message: 'The token was revoked. Log in again.' },
  ORIGIN_NOT_ALLOWED: { retryable: false, message: 'This origin may not connect. See ALLOWED_ORIGINS.' },
  FORBIDDEN: { retryable: false, message: 'This server does not allow this to users.' },
  VALIDATION_FAILED: { retryable: false, message: 'The payload is not valid.' },
  CONVERSATION_NOT_FOUND: { retryable: false, message: 'There is no such conversation, or you are not in it.' },
  MESSAGE_NOT_FOUND: {
    retryable: false,
    message: 'There is no such message, or it was deleted, or you cannot see it.',
  },
  MEMBER_NOT_FOUND: { retryable: false, message: 'This user is not a member of the group.' },
  TOO_LATE: { retryable: false, message: 'The time within which this message could be changed is over.' },
  NOT_FOUND: { retryable: false, message: 'There is no such path. See /api/docs.' },
  METHOD_NOT_ALLOWED: { retryable: false, message: 'This path does not support this method. See /api/docs.' },
  UNKNOWN_EVENT: { retryable: false, message: 'There is no such event. See /api/asyncapi.json.' },
  REJECTED: { retryable: false, message: 'The message was rejected and is not stored.' },
  LIMIT_EXCEEDED: { retryable: false, message: 'This connection has reached a limit. Release something first.' },
  RATE_LIMITED: { retryable: true, message: 'Too many requests. Slow down.' },
  OVERLOADED: { retryable: true, message: 'The server is busy. Try again.' },
  TIMEOUT: {
    retryable: true,
    message:
      'No response in time; it may still take effect. Try again: a send with the same clientMessageId is stored once.',
  },
  UNAVAILABLE: { retryable: true, message: 'The service is not available right now. Try again.' },
} as const satisfies Record<string, { retryable: boolean; message: string }>;

export type ErrorCode = keyof typeof ERRORS;

export const errorCodes = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]];

/** The error that clients receive: in failed acks, `exception`, `connect_error.data`, and over HTTP as `{error}`. */
export const errorPayload = z
  .object({
    code: z.enum(errorCodes),
    message: z.string(),
    retryable: z.boolean(),
    retryAfterMs: z.int().positive().optional(),
  })
  .meta({
    id: 'Error',
    description: 'An error with a code. `retryable`: the same request may succeed later.',
    example: {
      code: 'VALIDATION_FAILED',
      message: 'conversationId: must be a UUID',
      retryable: false,
    },
  });

export type ErrorPayload = z.infer<typeof errorPayload>;

/**
 * An expected error with a code of the table, returned to the client and never logged as a fault. Anything else that is
 * thrown is a fault: it is logged once at the edge with its cause, and the client receives UNAVAILABLE.
 */
export class Rejection extends Error {
  readonly payload: ErrorPayload;

  constructor(code: ErrorCode, options: { message?: string; retryAfterMs?: number } = {}) {
    const { stackTraceLimit } = Error;
    // No stack trace: an expected error has no use for it, and it would be half of the cost of a rejection.
    Error.stackTraceLimit = 0;
    super(options.message ?? ERRORS[code].message);
    Error.stackTraceLimit = stackTraceLimit;
    this.name = 'Rejection';
    this.payload = {
      code,
      message: this.message,
      retryable: ERRORS[code].retryable,
      ...(options.retryAfterMs === undefined ? {} : { retryAfterMs: options.retryAfterMs }),
    };
  }
}

/** The payload for anything thrown: that of a rejection, otherwise UNAVAILABLE without details of the fault. */
export function toErrorPayload(error: unknown): ErrorPayload {
  return error instanceof Rejection ? error.payload : new Rejection('UNAVAILABLE').payload;
}

/** Parses `input` at the edge. Throws a VALIDATION_FAILED rejection that names the first invalid field. */
export function parseOrReject<T extends z.ZodType>(schema: T, input: unknown): z.output<T> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue?.path.map(String).join('.').slice(0, 100);
  const message = issue?.message.slice(0, 200) ?? ERRORS.VALIDATION_FAILED.message;
  throw new Rejection('VALIDATION_FAILED', { message: path ? `${path}: ${message}` : message });
}
