import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import { HTTP_STATUS, type Problem, type Rejection } from '@chat-cluster/contracts';

/**
 * Refuses a handshake in HTTP, before there is a session: status, Retry-After and the coded error as JSON, for
 * long-polling and for an upgrade alike. A stock client takes that for a network fault and tries again with its own
 * back-off; after a refusal by Socket.IO (`connect_error`, `disconnect(true)`) it would stay away. The connection is
 * closed, so that the next attempt can reach another gateway.
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
  // engine.io keeps the response of a long-polling request here; an upgrade has none.
  const { res } = request as { res?: ServerResponse | null };
  if (res) {
    res.writeHead(status, headers).end(body);
    return;
  }
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  request.socket.on('error', () => {});
  request.socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${head.join('')}\r\n${body}`);
  request.socket.destroySoon();
}
