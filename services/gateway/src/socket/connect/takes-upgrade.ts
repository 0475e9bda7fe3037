import type { IncomingMessage } from 'node:http';

/**
 * Whether the server takes a client's offer to upgrade the connection: only to a websocket, and only on the path of
 * Socket.IO. A request with another offer is served as if it had none (RFC 9110, 7.8). engine.io would take every offer
 * from the HTTP server, and send no response to those that it does not use.
 */
export function takesUpgrade({ url, headers }: IncomingMessage): boolean {
  return url?.startsWith('/socket.io/') === true && headers.upgrade?.toLowerCase() === 'websocket';
}
