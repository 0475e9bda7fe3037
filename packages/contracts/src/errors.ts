import { z } from 'zod';

/**
 * The closed table of errors a client can hear. To add one: a row here, its HTTP status in `http.ts`, and a test that
 * provokes it. `retryable` says that the very same request may succeed later; a resend with the same
 * `clientMessageId` never stores twice.
 */
export const ERRORS = {
  TOKEN_MISSING: { retryable: false, message: 'No token. Pass a JWT as auth.token (or Authorization: Bearer).' },
  TOKEN_INVALID: { retryable: false, message: 'The token is not valid here.' },
  TOKEN_EXPIRED: { retryable: false, message: 'The token has expired. Fetch a new one and connect again.' },
  ORIGIN_NOT_ALLOWED: { retryable: false, message: 'This origin may not connect. See ALLOWED_ORIGINS.' },
  VALIDATION_FAILED: { retryable: false, message: 'The payload is not valid.' },
  CONVERSATION_NOT_FOUND: { retryable: false, message: 'You are in no conversation with this id.' },
  NOT_FOUND: { retryable: false, message: 'There is nothing here. See /api/docs.' },
  METHOD_NOT_ALLOWED: { retryable: false, message: 'This method is not supported here. See /api/docs.' },
  UNKNOWN_EVENT: { retryable: false, message: 'There is no such event. See /api/asyncapi.json.' },
  REJECTED: { retryable: false, message: 'The message could not be stored.' },
  LIMIT_EXCEEDED: { retryable: false, message: 'More than one connection may have. Give something up first.' },
  RATE_LIMITED: { retryable: true, message: 'Too many requests. Slow down.' },
  OVERLOADED: { retryable: true, message: 'The server is busy. Try again.' },
  TIMEOUT: {
    retryable: true,
    message:
      'No answer in time; it may still take effect. Try again: a send with the same clientMessageId is stored once.',
  },
  UNAVAILABLE: { retryable: true, message: 'The service is not available right now. Try again.' },
} as const satisfies Record<string, { retryable: boolean; message: string }>;

export type ErrorCode = keyof typeof ERRORS;

export const errorCodes = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]];

/** What a client hears: in a failed ack, in an `exception`, in `connect_error.data` and (as `{error}`) over HTTP. */
export const errorPayload = z
  .object({
    code: z.enum(errorCodes),
    message: z.string(),
    retryable: z.boolean(),
    retryAfterMs: z.int().positive().optional(),
  })
  .meta({
    id: 'Error',
    description: 'A coded error. `retryable`: the very same request may succeed later.',
    example: {
      code: 'VALIDATION_FAILED',
      message: 'conversationId: must be a UUID',
      retryable: false,
    },
  });

export type ErrorPayload = z.infer<typeof errorPayload>;

/**
 * An expected refusal, with a code of the table: shown to the client and never logged as a fault. Everything else that
 * is thrown is a fault: logged once at the edge with its cause, heard by the client as UNAVAILABLE.
 */
export class Rejection extends Error {
  readonly payload: ErrorPayload;

  constructor(code: ErrorCode, options: { message?: string; retryAfterMs?: number } = {}) {
    const { stackTraceLimit } = Error;
    // Nobody reads where an expected refusal came from, and it is half of what a refusal costs.
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

/** The payload a client hears for anything thrown: a rejection's own, else UNAVAILABLE without a detail of the fault. */
export function toErrorPayload(error: unknown): ErrorPayload {
  return error instanceof Rejection ? error.payload : new Rejection('UNAVAILABLE').payload;
}

/** Parses `input` at the edge. Throws a VALIDATION_FAILED rejection that names the first wrong field. */
export function parseOrReject<T extends z.ZodType>(schema: T, input: unknown): z.output<T> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue?.path.map(String).join('.').slice(0, 100);
  const message = issue?.message.slice(0, 200) ?? ERRORS.VALIDATION_FAILED.message;
  throw new Rejection('VALIDATION_FAILED', { message: path ? `${path}: ${message}` : message });
}
