import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { resetConnection } from '@chat-cluster/runtime';
import { dropReadRequests } from '../cluster/node-internals.ts';
import { countCut } from '../socket/transport/packet-guard.ts';

/** Requests of a connection without a response, at most. Browsers, stock clients and proxies send one at a time. */
const MOST = 8;

/**
 * Bounds the requests that a client sends without waiting for their responses (pipelining). Node reads 64 kB at once and
 * handles all requests in it before anything else: more than 2,000 of them, each at the cost of a request. Beyond the
 * bound the connection is cut, and the rest of what was read is not handled.
 *
 * Call it last: it wraps all earlier listeners.
 */
export function limitPipelining(http: Server): void {
  const waiting = new WeakMap<Socket, number>();
  const listeners = http.listeners('request') as ((request: IncomingMessage, response: ServerResponse) => void)[];

  /** Counts a request. Returns false, and cuts the connection, if it is one too many. */
  function admit(socket: Socket): boolean {
    if (socket.destroyed) return false;
    const count = (waiting.get(socket) ?? 0) + 1;
    waiting.set(socket, count);
    if (count <= MOST) return true;
    countCut('pipelining');
    dropReadRequests(socket);
    resetConnection(socket);
    return false;
  }

  http.removeAllListeners('request');
  http.on('request', (request, response) => {
    const { socket } = request;
    if (!admit(socket)) return;
    // In the next turn: the responses to requests with a body are sent while the rest of the read is handled.
    response.once('close', () => setImmediate(() => waiting.set(socket, (waiting.get(socket) ?? 1) - 1)));
    for (const listener of listeners) listener.call(http, request, response);
  });
  // A request beyond maxRequestsPerSocket: Node has responded 503.
  http.on('dropRequest', ({ socket }: IncomingMessage) => void admit(socket));
}
