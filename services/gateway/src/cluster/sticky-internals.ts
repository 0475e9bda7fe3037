/*
 * The only file that relies on private parts of @socket.io/sticky 2.0 and of Node's cluster module. Each comment states
 * the behaviour that the gateway relies on; test/sticky-internals.test.ts pins the installed versions and checks it.
 */
import cluster, { type Worker } from 'node:cluster';
import type { Server as HttpServer } from 'node:http';
import type { Server, Socket } from 'node:net';
import { setupMaster } from '@socket.io/sticky';

/**
 * Makes sticky hand the connections of `entry` to forks, chosen at random, or by session once the session is known.
 * sticky takes an HTTP server, of which it uses only the event `connection`.
 */
export function handOverConnections(entry: Server): void {
  setupMaster(entry as unknown as HttpServer, { loadBalancingMethod: 'random' });
}

/** sticky chooses among `cluster.workers`, where Node puts each fork at its start, before it serves. */
export function offerFork(fork: Worker): void {
  if (cluster.workers) cluster.workers[fork.id] = fork;
}

export function withholdFork(fork: Worker): void {
  delete cluster.workers?.[fork.id];
}

export function isOffered(fork: Worker | undefined): boolean {
  return fork !== undefined && cluster.workers?.[fork.id] !== undefined;
}

/** Whether sticky's message to a fork begins a request with a body: sticky keeps its connection and passes it on. */
export function keepsConnection(message: { type?: string }): boolean {
  return message.type === 'sticky:http-chunk-start';
}

/** Stops the supervisor's reads from a connection: Node goes on reading after it has sent the handle to a fork. */
export function stopReading(socket: Socket | undefined): void {
  (socket as { _handle?: { readStop?(): void } } | undefined)?._handle?.readStop?.();
}

/** sticky's map of sessions has no other access than the messages that forks send. */
export function bindSession(fork: Worker, sid: string): void {
  cluster.emit('message', fork, { type: 'sticky:connection', data: sid }, undefined);
}

export function unbindSession(fork: Worker, sid: string): void {
  cluster.emit('message', fork, { type: 'sticky:disconnection', data: sid }, undefined);
}

/**
 * Closes the connections that were sent to a fork and that it has not confirmed. Node 24 keeps the one that is being
 * sent in `_pendingMessage` of the child process, and the later ones in `_handleQueue`.
 */
export function closeUnconfirmed(fork: Worker): void {
  const { _pendingMessage, _handleQueue } = fork.process as {
    _pendingMessage?: { handle?: { close(): void } } | null;
    _handleQueue?: readonly { handle?: Socket }[] | null;
  };
  _pendingMessage?.handle?.close();
  for (const { handle } of _handleQueue ?? []) handle?.destroy();
}
