import { type IncomingMessage, STATUS_CODES } from 'node:http';
import { HTTP_STATUS, type Problem, type Rejection } from '@chat-cluster/contracts';
import { responseOf } from '../engine-io.ts';

/**
 * Refuses a handshake in HTTP, before there is a session: status, Retry-After and the coded error as JSON, for
 * long-polling and for an upgrade alike. A stock client takes this for a network fault and retries with its own
 * back-off; after a refusal in Socket.IO (`connect_error`, `disconnect(true)`) it would stay away. The TCP connection
 * is closed, so that the next attempt can reach another gateway.
 */
export function refuse(request: IncomingMessage, { payload }: Rejection, gatewayId: string): void {
  const body = JSON.stringify({ error: payload } satisfies Problem);
  const status = HTTP_STATUS[payload.code];
  const headers = {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    Connection: 'close',
    'X-Gateway-Id': gatewayId,
    ...(payload.retryAfterMs === undefined ? {} : { 'Retry-After': Math.ceil(payload.retryAfterMs / 1_000) }),
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
