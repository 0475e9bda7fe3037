import { STATUS_CODES } from 'node:http';
import { HTTP_STATUS, type Problem, Rejection } from '@chat-cluster/contracts';

type Headers = Record<string, string | number>;

/** An error as a response. */
export interface ProblemResponse {
  status: number;
  headers: Headers;
  body: string;
}

/** The response to a request that is rejected outside of the REST API. `status`: instead of that of the code. */
export function problemResponse({ payload }: Rejection, status: number = HTTP_STATUS[payload.code]): ProblemResponse {
  const body = JSON.stringify({ error: payload } satisfies Problem);
  const { retryAfterMs } = payload;
  const headers = {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    ...(retryAfterMs === undefined ? {} : { 'Retry-After': Math.ceil(retryAfterMs / 1_000) }),
  };
  return { status, headers, body };
}

/** The response to a request whose bytes arrive too slowly. */
export const LATE_REQUEST = problemResponse(
  new Rejection('TIMEOUT', { message: 'The request did not arrive in time.' }),
  408,
);

/** A response as it is sent on a connection that has no `ServerResponse`, and that is closed afterwards. */
export function rawResponse({ status, headers, body }: ProblemResponse): string {
  const lines = Object.entries({ ...headers, Connection: 'close' }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`;
}
