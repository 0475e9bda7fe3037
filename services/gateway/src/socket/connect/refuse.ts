import type { IncomingMessage } from 'node:http';
import { Rejection } from '@chat-cluster/contracts';
import { problemResponse, rawResponse } from '../../http/raw-response.ts';
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
  const problem = problemResponse(new Rejection(code, { retryAfterMs }));
  problem.headers['X-Gateway-Id'] = gatewayId;
  const response = responseOf(request);
  if (response) {
    response.writeHead(problem.status, { ...problem.headers, Connection: 'close' }).end(problem.body);
    return;
  }
  request.socket.on('error', () => {});
  request.socket.end(rawResponse(problem));
  request.socket.destroySoon();
}
