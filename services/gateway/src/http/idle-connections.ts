import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { countCut } from '../socket/transport/packet-guard.ts';

/** Connections of a process that wait for their next request, at most. Each takes about 20 kB: 80 MB. */
export const MAX_IDLE = 4_096;
/** As MAX_IDLE, of one address: more than a proxy keeps (nginx: `keepalive` times its processes). */
export const MAX_IDLE_PER_ADDRESS = 1_024;

/**
 * Bounds the connections that wait for their next request (HTTP_KEEP_ALIVE_MS). Beyond a bound the one that has waited
 * for the longest time is closed. Websockets and connections with a request do not count.
 *
 * Call it after engine.io is attached, which handles its requests before all earlier listeners.
 */
export function boundIdleConnections(server: Server, maxPerAddress: number, max = MAX_IDLE): void {
  /** In the order in which they became idle. */
  const all = new Set<Socket>();
  const byAddress = new Map<string, Set<Socket>>();
  const addressOf = new WeakMap<Socket, string>();
  const leave = (socket: Socket) => {
    if (!all.delete(socket)) return;
    const address = addressOf.get(socket) ?? '';
    const others = byAddress.get(address);
    others?.delete(socket);
    if (others?.size === 0) byAddress.delete(address);
  };
  const enter = (socket: Socket) => {
    if (socket.destroyed) return;
    // A closed socket has no address any more.
    const address = addressOf.get(socket) ?? socket.remoteAddress ?? '';
    addressOf.set(socket, address);
    const others = byAddress.get(address) ?? new Set();
    byAddress.set(address, others.add(socket));
    all.add(socket);
    const [oldest] = others.size > maxPerAddress ? others : all.size > max ? all : [];
    if (!oldest) return;
    leave(oldest);
    countCut('idle');
    oldest.destroy();
  };
  server.on('connection', (socket) => socket.once('close', () => leave(socket)));
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    leave(socket);
    response.once('finish', () => {
      if (response.shouldKeepAlive) enter(socket);
    });
  });
  server.prependListener('upgrade', ({ socket }: IncomingMessage) => leave(socket));
}
