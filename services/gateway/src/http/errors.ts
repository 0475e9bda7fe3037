import { type ErrorCode, type ErrorPayload, HTTP_STATUS, Rejection, toErrorPayload } from '@chat-cluster/contracts';
import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import type { HttpDeps } from './app.ts';

/** The one place where errors become answers: a rejection as it is, a fault reported once and heard as UNAVAILABLE. */
export function answerErrors({ onFault }: HttpDeps): ErrorRequestHandler {
  return (error: unknown, req, res, _next) => {
    const refusal = isUndecodablePath(error) ? new MalformedRequest(400, 'the path is not valid UTF-8') : error;
    if (!(refusal instanceof Rejection)) onFault(refusal, req);
    // The deadline has answered already, or the answer broke off half-way: there is nobody left to tell.
    if (res.headersSent) {
      if (!res.writableEnded) res.destroy();
      return;
    }
    const payload = toErrorPayload(refusal);
    answer(res, payload, refusal instanceof MalformedRequest ? refusal.status : HTTP_STATUS[payload.code]);
  };
}

/** A request that HTTP itself can not accept: VALIDATION_FAILED, with a status that says more than 400 would. */
export class MalformedRequest extends Rejection {
  readonly status: number;

  constructor(status: number, message: string) {
    super('VALIDATION_FAILED', { message });
    this.status = status;
  }
}

/** Answers TIMEOUT once a request is `deadlineMs` old; what its handler says later is dropped. */
export function answerLate(deadlineMs: number): RequestHandler {
  return (req, res, next) => {
    const timer = setTimeout(() => {
      if (res.headersSent) return;
      // A body that trickles in would have to be read to its end before the connection could be used again.
      if (!req.complete) res.set('Connection', 'close');
      answer(res, new Rejection('TIMEOUT').payload, HTTP_STATUS.TIMEOUT);
    }, deadlineMs);
    res.once('close', () => clearTimeout(timer));
    next();
  };
}

export const notFound: RequestHandler = () => {
  throw new Rejection('NOT_FOUND');
};

/** `methods`: the ones that the path has, in lower case. */
export function methodNotAllowed(methods: readonly string[]): RequestHandler {
  const allow = methods.flatMap((method) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()])).join(', ');
  return (_req, res) => {
    res.set('Allow', allow);
    throw new Rejection('METHOD_NOT_ALLOWED');
  };
}

function answer(res: Response, payload: ErrorPayload, status: number): void {
  const challenge = CHALLENGES[payload.code];
  if (challenge !== undefined) res.set('WWW-Authenticate', challenge);
  if (payload.retryAfterMs !== undefined) res.set('Retry-After', String(Math.ceil(payload.retryAfterMs / 1000)));
  res.status(status).json({ error: payload });
}

/** RFC 6750: a bare challenge without a token, the reason with one. */
const CHALLENGES: Partial<Record<ErrorCode, string>> = {
  TOKEN_MISSING: 'Bearer',
  TOKEN_INVALID: 'Bearer error="invalid_token"',
  TOKEN_EXPIRED: 'Bearer error="invalid_token", error_description="expired"',
};

/** Express throws this for a path like `/with/%zz`, before any handler runs. */
function isUndecodablePath(error: unknown): boolean {
  return error instanceof URIError && 'status' in error && error.status === 400;
}
