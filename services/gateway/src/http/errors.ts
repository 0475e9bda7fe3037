import { type ErrorCode, type ErrorPayload, HTTP_STATUS, Rejection, toErrorPayload } from '@chat-cluster/contracts';
import type { Logger } from '@chat-cluster/runtime';
import type { ErrorRequestHandler, RequestHandler, Response } from 'express';

/**
 * The only place that turns errors into answers: a rejection is returned as it is; a fault is logged once, and the
 * client receives UNAVAILABLE.
 */
export function answerErrors(logger: Logger): ErrorRequestHandler {
  return (error: unknown, req, res, _next) => {
    const refusal = isUndecodablePath(error) ? new MalformedRequest(400, 'the path is not valid UTF-8') : error;
    if (!(refusal instanceof Rejection)) {
      logger.error({ err: refusal, method: req.method, route: req.route?.path }, 'http: a fault');
    }
    // After the TIMEOUT of the deadline, or in the middle of an answer, no error can be sent.
    if (res.headersSent) {
      if (!res.writableEnded) res.destroy();
      return;
    }
    const payload = toErrorPayload(refusal);
    answer(res, payload, refusal instanceof MalformedRequest ? refusal.status : HTTP_STATUS[payload.code]);
  };
}

/** A request that is invalid at the level of HTTP: VALIDATION_FAILED, with a more specific status than 400. */
export class MalformedRequest extends Rejection {
  readonly status: number;

  constructor(status: number, message: string) {
    super('VALIDATION_FAILED', { message });
    this.status = status;
  }
}

/** Answers TIMEOUT when a request is `deadlineMs` old. A later result of its handler is dropped. */
export function answerLate(deadlineMs: number): RequestHandler {
  return (req, res, next) => {
    const timer = setTimeout(() => {
      if (res.headersSent) return;
      // The connection could be used again only when a slow body has been read to its end.
      if (!req.complete) res.set('Connection', 'close');
      answer(res, new Rejection('TIMEOUT').payload, HTTP_STATUS.TIMEOUT);
    }, deadlineMs);
    res.once('close', () => clearTimeout(timer));
    next();
  };
}

/** Closes the connection: a client that looks for such paths needs no other response. */
export const notFound: RequestHandler = (_req, res) => {
  res.set('Connection', 'close');
  throw new Rejection('NOT_FOUND');
};

function answer(res: Response, payload: ErrorPayload, status: number): void {
  const challenge = CHALLENGES[payload.code];
  if (challenge !== undefined) res.set('WWW-Authenticate', challenge);
  if (payload.retryAfterMs !== undefined) res.set('Retry-After', String(Math.ceil(payload.retryAfterMs / 1000)));
  res.status(status).json({ error: payload });
}

/** RFC 6750: a challenge without a reason if there is no token, with the reason if there is one. */
const CHALLENGES: Partial<Record<ErrorCode, string>> = {
  TOKEN_MISSING: 'Bearer',
  TOKEN_INVALID: 'Bearer error="invalid_token"',
  TOKEN_EXPIRED: 'Bearer error="invalid_token", error_description="expired"',
  TOKEN_REVOKED: 'Bearer error="invalid_token", error_description="revoked"',
};

/** Express throws this for a path like `/with/%zz`, before any handler runs. */
function isUndecodablePath(error: unknown): boolean {
  return error instanceof URIError && 'status' in error && error.status === 400;
}
