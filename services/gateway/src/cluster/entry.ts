import type { Worker } from 'node:cluster';
import { createServer, type Server, type Socket } from 'node:net';
import { Rejection } from '@chat-cluster/contracts';
import { Counter } from 'prom-client';
import { LATE_REQUEST, type ProblemResponse, problemResponse, rawResponse } from '../http/raw-response.ts';
import { tagOfSession } from '../socket/connect/session-id.ts';
import { HTTP_DEADLINES } from './listen.ts';
import { closeUnconfirmed, stopReading } from './node-internals.ts';
import { hasRequestLine, sessionIn } from './request-line.ts';
import type { Handover } from './take-connections.ts';

/** The metric of the entry. It is counted in the supervisor, unlike those of its forks. */
export const EVICTED = 'chat_entry_evicted_total';
const evicted = new Counter({
  name: EVICTED,
  help: 'Connections that the entry of several processes closed because too many waited in it',
});

/**
 * Connections that wait in the entry, at most: for the rest of their request line, or for a fork to take them. As many
 * as wait in the backlog. Beyond it the oldest is closed: a client that sends its request at once is not the oldest.
 */
const MAX_WAITING = 16_384;

/** Time after which a client should retry while no fork serves, in ms. */
const RETRY_AFTER_MS = 1_000;

/** The server of the public port of several processes. */
export interface Entry {
  server: Server;
  /** From now on the fork gets connections. Its session ids begin with the tag. */
  offer(fork: Worker, tag: string): void;
  /** From now on the fork gets only the connections of its sessions. */
  retire(fork: Worker): void;
  /** Whether the fork gets connections: from `offer` until it retires or dies. */
  isOffered(fork: Worker | undefined): boolean;
}

/**
 * Hands each connection to a fork, as it is, with the bytes that were read: the request line decides. A request with a
 * session id goes to the fork that made the id, any other to a random fork. The entry copies nothing and keeps nothing
 * of a connection, so that everything after the request line has the bounds and deadlines of the fork's HTTP server.
 * The request line has its own: HTTP_DEADLINES.headersTimeout, its length, and MAX_WAITING.
 *
 * It is not an HTTP server, because a parser would take the bytes that belong to the fork.
 */
export function createEntry(maxWaiting = MAX_WAITING): Entry {
  /** The forks that get connections, by the tag of their sessions. */
  const serving = new Map<string, Worker>();
  const retired = new WeakSet<Worker>();
  /** In the order of arrival. */
  const waiting = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  server.on('connection', (socket) => {
    waiting.add(socket);
    socket.once('close', () => waiting.delete(socket));
    if (waiting.size > maxWaiting) evictOldest(waiting);
    readRequestLine(socket, (head) => {
      const fork = serving.get(tagOfSession(sessionIn(head) ?? '')) ?? anyOf(serving.values(), retired);
      if (fork) handOver(socket, head, { fork, taken: () => waiting.delete(socket) });
      else refuse(socket, problemResponse(new Rejection('UNAVAILABLE', { retryAfterMs: RETRY_AFTER_MS })));
    });
  });
  return {
    server,
    offer(fork, tag) {
      serving.set(tag, fork);
      const withhold = () => serving.delete(tag);
      // Node omits `disconnect` for a process that is killed while connections are on their way to it.
      fork.once('disconnect', withhold).once('exit', withhold);
      fork.once('exit', () => closeUnconfirmed(fork));
    },
    retire: (fork) => void retired.add(fork),
    isOffered: (fork) => fork !== undefined && !retired.has(fork) && [...serving.values()].includes(fork),
  };
}

function evictOldest(waiting: Set<Socket>): void {
  const [oldest] = waiting;
  if (!oldest) return;
  // At once: `close` follows in a later turn.
  waiting.delete(oldest);
  oldest.destroy();
  evicted.inc();
}

/**
 * Reads the first line of a connection, and then stops: later bytes stay in the kernel for the fork. A connection that
 * does not send a complete line in time gets 408, as it would from a fork.
 */
function readRequestLine(socket: Socket, done: (head: Buffer) => void): void {
  let head: Buffer | undefined;
  const timer = setTimeout(() => {
    socket.off('data', read);
    refuse(socket, LATE_REQUEST);
  }, HTTP_DEADLINES.headersTimeout);
  const leave = () => socket.destroy();
  const read = (chunk: Buffer) => {
    head = head ? Buffer.concat([head, chunk]) : chunk;
    if (!hasRequestLine(head)) return;
    stopReading(socket);
    clearTimeout(timer);
    socket.off('data', read).off('end', leave);
    done(head);
  };
  socket.on('error', leave).on('end', leave).on('data', read);
  socket.once('close', () => clearTimeout(timer));
}

/**
 * A random fork, since the alternatives fail. Clients open connections in pairs (a request, then a socket), so
 * round-robin over two forks puts all sockets on one fork. The number of connections of a fork is known late, so every
 * burst would go to one fork.
 */
function anyOf(serving: Iterable<Worker>, retired: WeakSet<Worker>): Worker | undefined {
  const forks = [...serving].filter((fork) => !retired.has(fork));
  return forks[Math.floor(Math.random() * forks.length)];
}

/** `taken` is called when the connection has left this process, or is closed. */
function handOver(socket: Socket, head: Buffer, { fork, taken }: { fork: Worker; taken(): void }): void {
  fork.send({ type: 'chat:connection', head } satisfies Handover, socket, (error: Error | null) => {
    taken();
    if (error) socket.destroy();
  });
}

function refuse(socket: Socket, problem: ProblemResponse): void {
  socket.end(rawResponse(problem));
  socket.destroySoon();
}
