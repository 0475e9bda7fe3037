import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** The entry's message to a fork that comes with a connection: the bytes that were read from it. */
export interface Handover {
  type: 'chat:connection';
  head: Buffer;
}

/** A fork's message to the supervisor: it serves from now on, and its session ids begin with the tag. */
export interface Serving {
  type: 'chat:serving';
  tag: string;
}

/**
 * In a fork: makes the HTTP server take the connections that the entry hands over (entry.ts), as if it had accepted
 * them itself.
 *
 * Each connection serves one request, or one websocket: the next request of a client's agent or proxy may belong to a
 * session of another fork, and only the entry can pass it there.
 */
export function takeConnections(http: Server, tag: string): void {
  http.maxRequestsPerSocket = 1;
  // With that alone Node announces the end, and leaves it to the client.
  http.prependListener('request', (_, response) => response.setHeader('Connection', 'close'));
  // Node checks for late requests from this event on, and a fork does not listen.
  http.emit('listening');
  process.on('message', (message: Handover, socket?: Socket) => {
    // Without a socket if the client closed it on the way.
    if (message?.type !== 'chat:connection' || !socket) return;
    // As for a connection that the HTTP server accepts: a client that has sent its request may end its side.
    socket.allowHalfOpen = true;
    http.emit('connection', socket);
    socket.unshift(message.head);
  });
  process.send?.({ type: 'chat:serving', tag } satisfies Serving);
}
