import cluster, { type Worker } from 'node:cluster';
import type { IncomingMessage } from 'node:http';
import type { Server, Socket } from 'node:net';
import { setupWorker } from '@socket.io/sticky';
import type { ChatServer } from '../socket/server.ts';

/*
 * Three races of @socket.io/sticky 2.0 between the supervisor, which owns the port, and its forks, closed from outside.
 * The first two showed on a busy machine in about 1 of 200 handshakes (services/gateway/test/handshake.test.ts provokes them).
 *
 * 1. A connection is handed to a fork as a file descriptor, but the supervisor goes on reading from it until the fork
 *    has confirmed. What a quick client says meanwhile is read there and dropped, and its handshake hangs. So the
 *    supervisor stops reading before it hands over.
 * 2. A fork tells the supervisor of a new session while it answers the client. A quick client's next request may be
 *    there first and go to another fork, which does not know the session. So a fork answers a new long-polling session
 *    only after the supervisor knows it.
 * 3. A connection on its way to a fork that dies, and one whose request has a body, which the supervisor keeps and passes
 *    on, would stay open with nobody to answer, until its client gives up (recovery.test.ts). So the supervisor ends them,
 *    and their clients come back.
 */

interface SessionMessage {
  type: 'chat:bind' | 'chat:bound' | 'chat:unbind';
  sid: string;
}

/** In the supervisor, for what `entry` accepts: closes races 1 and 3. Its result is to be called with each new fork. */
export function guardHandovers(entry: Server): (fork: Worker) => void {
  /** The connection whose bytes sticky is looking at. */
  let speaking: Socket | undefined;
  entry.on('connection', (socket: Socket) => {
    socket.prependListener('data', () => {
      speaking = socket;
    });
  });
  return (fork) => {
    const kept = new Set<Socket>();
    const send = fork.send.bind(fork) as (...args: unknown[]) => boolean;
    fork.send = ((message: { type?: string }, socket?: Handle, ...rest: unknown[]) => {
      socket?._handle?.readStop?.();
      if (message.type === 'sticky:http-chunk-start' && speaking) keep(speaking, kept);
      return send(message, socket, ...rest);
    }) as typeof fork.send;
    fork.once('exit', () => {
      for (const socket of kept) socket.destroy();
      const { _pendingMessage, _handleQueue } = fork.process as Handovers;
      _pendingMessage?.handle?.close();
      for (const { handle } of _handleQueue ?? []) handle?.destroy();
    });
  };
}

function keep(socket: Socket, kept: Set<Socket>): void {
  kept.add(socket);
  socket.once('close', () => kept.delete(socket));
}

type Handle = Socket & { _handle?: { readStop?(): void } };

/** What a child process of Node 24 keeps of connections that it was given and has not confirmed: the one sent, and those behind. */
interface Handovers {
  _pendingMessage?: { handle?: { close(): void } } | null;
  _handleQueue?: readonly { handle?: Socket }[] | null;
}

/** In the supervisor, once: its side of race 2. The messages are sticky's own, because its map has no other door. */
export function confirmSessions(): void {
  cluster.on('message', (fork, message: SessionMessage) => {
    if (message?.type === 'chat:unbind') {
      cluster.emit('message', fork, { type: 'sticky:disconnection', data: message.sid }, undefined);
    }
    if (message?.type !== 'chat:bind') return;
    cluster.emit('message', fork, { type: 'sticky:connection', data: message.sid }, undefined);
    fork.send({ type: 'chat:bound', sid: message.sid } satisfies SessionMessage, () => {});
  });
}

/**
 * In a fork: takes connections from the supervisor, and closes race 2. Resolves its function when the supervisor knows
 * the session that the request is about to open; at once for a request that opens none, or no long-polling one.
 * `newSessionId` makes ids of 20 characters, which sticky looks for.
 */
export function bindSessions(newSessionId: () => string): {
  bind(request: IncomingMessage): Promise<void>;
  attach(io: ChatServer): void;
} {
  const sids = new WeakMap<IncomingMessage, string>();
  const waiting = new Map<string, () => void>();
  process.on('message', (message: SessionMessage) => {
    if (message?.type === 'chat:bound') waiting.get(message.sid)?.();
  });
  return {
    async bind(request) {
      if (!/[?&]transport=polling(&|$)/.test(request.url ?? '') || /[?&]sid=/.test(request.url ?? '')) return;
      const sid = newSessionId();
      sids.set(request, sid);
      await new Promise<void>((resolve) => {
        waiting.set(sid, resolve);
        process.send?.({ type: 'chat:bind', sid } satisfies SessionMessage);
      });
      waiting.delete(sid);
    },
    attach(io) {
      const engine = io.engine as unknown as { generateId(request: IncomingMessage): string };
      engine.generateId = (request) => sids.get(request) ?? newSessionId();
      io.engine.on('connection_error', ({ req }: { req?: IncomingMessage }) => {
        const sid = req && sids.get(req);
        if (sid) process.send?.({ type: 'chat:unbind', sid } satisfies SessionMessage);
      });
      setupWorker(io);
    },
  };
}
