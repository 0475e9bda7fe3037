import { STATUS_CODES } from 'node:http';

type Headers = Record<string, string | number>;

/** Headers of a response in JSON after which the connection is closed. */
export function closingHeaders(json: string): Headers {
  return {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(json),
    'Cache-Control': 'no-store',
    Connection: 'close',
  };
}

/** A response as it is sent on a connection that has no `ServerResponse`. */
export function rawResponse(status: number, headers: Headers, body: string): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`;
}
