import { type IncomingMessage, STATUS_CODES } from 'node:http';
import { HTTP_STATUS, type Problem, Rejection } from '@chat-cluster/contracts';
import { responseOf } from '../engine-io.ts';

/**
 * Refuses a handshake for now, over both transports, in HTTP: a stock client treats this as a network fault and
 * retries with its own back-off; after a refusal in Socket.IO (`connect_error`, `disconnect(true)`) it would not retry.
 * The TCP connection is closed, so that the next attempt can reach another gateway.
 */
export function refuse(
  request: IncomingMessage,
  code: 'OVERLOADED' | 'RATE_LIMITED',
  retryAfterMs: number,
  gatewayId: string,
): void {
  const { payload: error } = new Rejection(code, { retryAfterMs });
  const body = JSON.stringify({ error } satisfies Problem);
  const status = HTTP_STATUS[code];
  const headers = {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    Connection: 'close',
    'X-Gateway-Id': gatewayId,
    'Retry-After': Math.ceil(retryAfterMs / 1_000),
  };
  const response = responseOf(request);
  if (response) {
    response.writeHead(status, headers).end(body);
    return;
  }
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  request.socket.on('error', () => {});
  request.socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${head.join('')}\r\n${body}`);
  request.socket.destroySoon();
}
