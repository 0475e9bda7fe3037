import cluster, { type Worker } from 'node:cluster';
import type { IncomingMessage } from 'node:http';
import type { Server, Socket } from 'node:net';
import { setupWorker } from '@socket.io/sticky';
import type { ChatServer } from '../socket/chat-socket.ts';
import { bindSession, closeUnconfirmed, keepsConnection, stopReading, unbindSession } from './sticky-internals.ts';

/*
 * Closes three races of @socket.io/sticky 2.0 between the supervisor, which owns the port, and its forks. Tests provoke
 * them: handshake.test.ts the first two, recovery.test.ts the third.
 *
 * 1. A connection is handed to a fork as a file descriptor, but the supervisor reads from it until the fork has
 *    confirmed it. It drops the bytes that a fast client sends meanwhile, and the handshake hangs. So the supervisor
 *    stops reading before it hands over.
 * 2. A fork reports a new session to the supervisor while it answers the client. The client's next request may arrive
 *    first and be handed to another fork, which does not have the session. So a fork answers a new long-polling session
 *    only after the supervisor has confirmed it.
 * 3. Two kinds of connections would stay open without an answer when their fork dies: one that is being handed over,
 *    and one whose request has a body, which the supervisor keeps and passes on. So the supervisor closes them, and
 *    their clients retry.
 */

interface SessionMessage {
  type: 'chat:bind' | 'chat:bound' | 'chat:unbind';
  sid: string;
}

/** In the supervisor: closes races 1 and 3 for the connections of `entry`. Call the result with each new fork. */
export function guardHandovers(entry: Server): (fork: Worker) => void {
  /** The connection whose bytes sticky is processing. */
  let current: Socket | undefined;
  entry.on('connection', (socket: Socket) => {
    socket.prependListener('data', () => {
      current = socket;
    });
  });
  return (fork) => {
    const kept = new Set<Socket>();
    const send = fork.send.bind(fork) as (...args: unknown[]) => boolean;
    fork.send = ((message: { type?: string }, socket?: Socket, ...rest: unknown[]) => {
      stopReading(socket);
      if (keepsConnection(message) && current) keepUntilClosed(current, kept);
      return send(message, socket, ...rest);
    }) as typeof fork.send;
    fork.once('exit', () => {
      for (const socket of kept) socket.destroy();
      closeUnconfirmed(fork);
    });
  };
}

function keepUntilClosed(socket: Socket, kept: Set<Socket>): void {
  kept.add(socket);
  socket.once('close', () => kept.delete(socket));
}

/** In the supervisor, once: confirms the sessions of the forks, for race 2. */
export function confirmSessions(): void {
  cluster.on('message', (fork, message: SessionMessage) => {
    if (message?.type === 'chat:unbind') unbindSession(fork, message.sid);
    if (message?.type !== 'chat:bind') return;
    bindSession(fork, message.sid);
    fork.send({ type: 'chat:bound', sid: message.sid } satisfies SessionMessage, () => {});
  });
}

/** In a fork: closes race 2. `newSessionId` makes ids of 20 characters, as sticky expects. */
export function bindSessions(newSessionId: () => string) {
  const sids = new WeakMap<IncomingMessage, string>();
  const waiting = new Map<string, () => void>();
  process.on('message', (message: SessionMessage) => {
    if (message?.type === 'chat:bound') waiting.get(message.sid)?.();
  });
  return {
    /**
     * Resolves when the supervisor has stored the session that the request is about to open; at once for a request that
     * opens none, and for a websocket, which is one connection.
     */
    async bind(request: IncomingMessage): Promise<void> {
      if (!/[?&]transport=polling(&|$)/.test(request.url ?? '') || /[?&]sid=/.test(request.url ?? '')) return;
      const sid = newSessionId();
      sids.set(request, sid);
      await new Promise<void>((resolve) => {
        waiting.set(sid, resolve);
        process.send?.({ type: 'chat:bind', sid } satisfies SessionMessage);
      });
      waiting.delete(sid);
    },
    /** Makes the server take connections from the supervisor. */
    attach(io: ChatServer): void {
      io.engine.generateId = (request) => sids.get(request) ?? newSessionId();
      io.engine.on('connection_error', ({ req }: { req?: IncomingMessage }) => {
        const sid = req && sids.get(req);
        if (sid) process.send?.({ type: 'chat:unbind', sid } satisfies SessionMessage);
      });
      setupWorker(io);
    },
  };
}
