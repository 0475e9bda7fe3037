import type { ErrorPayload } from '@chat-cluster/contracts';

export type ErrorCode = ErrorPayload['code'];

/** A copy of the error table of the server, with the HTTP status of each error; a test compares them. */
export const ERROR_TABLE: Readonly<Record<ErrorCode, { retryable: boolean; status: number; message: string }>> = {
  TOKEN_MISSING: row(401, 'No token. Pass a JWT as auth.token (or Authorization: Bearer).'),
  TOKEN_INVALID: row(401, 'The token is not valid for this server.'),
  TOKEN_EXPIRED: row(401, 'The token has expired. Fetch a new one and connect again.'),
  TOKEN_REVOKED: row(401, 'The token was revoked. Log in again.'),
  ORIGIN_NOT_ALLOWED: row(403, 'This origin may not connect. See ALLOWED_ORIGINS.'),
  FORBIDDEN: row(403, 'This server does not allow this to users.'),
  VALIDATION_FAILED: row(400, 'The payload is not valid.'),
  CONVERSATION_NOT_FOUND: row(404, 'There is no such conversation, or you are not in it.'),
  MESSAGE_NOT_FOUND: row(404, 'There is no such message, or it was deleted, or you cannot see it.'),
  MEMBER_NOT_FOUND: row(404, 'This user is not a member of the group.'),
  TOO_LATE: row(409, 'The time within which this message could be changed is over.'),
  NOT_FOUND: row(404, 'There is no such path. See /api/docs.'),
  METHOD_NOT_ALLOWED: row(405, 'This path does not support this method. See /api/docs.'),
  UNKNOWN_EVENT: row(400, 'There is no such event. See /api/asyncapi.json.'),
  REJECTED: row(422, 'The message was rejected and is not stored.'),
  LIMIT_EXCEEDED: row(409, 'This connection has reached a limit. Release something first.'),
  RATE_LIMITED: row(429, 'Too many requests. Slow down.', true),
  OVERLOADED: row(503, 'The server is busy. Try again.', true),
  TIMEOUT: row(
    504,
    'No response in time; it may still take effect. Try again: a send with the same clientMessageId is stored once.',
    true,
  ),
  UNAVAILABLE: row(503, 'The service is not available right now. Try again.', true),
};

function row(status: number, message: string, retryable = false) {
  return { retryable, status, message };
}

/** A coded error that a client of the fake cluster receives, in a failed ack or over HTTP. */
export class FakeRejection extends Error {
  readonly payload: ErrorPayload;

  constructor(code: ErrorCode, details: { message?: string | undefined; retryAfterMs?: number | undefined } = {}) {
    super(details.message ?? ERROR_TABLE[code].message);
    this.name = 'FakeRejection';
    const { retryAfterMs } = details;
    this.payload = {
      code,
      message: this.message,
      retryable: ERROR_TABLE[code].retryable,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    };
  }
}
