import type { IncomingMessage } from 'node:http';
import { HTTP_STATUS, type Problem, Rejection } from '@chat-cluster/contracts';
import { closingHeaders, rawResponse } from '../../http/raw-response.ts';
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
    ...closingHeaders(body),
    'X-Gateway-Id': gatewayId,
    'Retry-After': Math.ceil(retryAfterMs / 1_000),
  };
  const response = responseOf(request);
  if (response) {
    response.writeHead(status, headers).end(body);
    return;
  }
  request.socket.on('error', () => {});
  request.socket.end(rawResponse(status, headers, body));
  request.socket.destroySoon();
}
