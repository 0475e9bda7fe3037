import { Rejection, type UserId } from '@chat-cluster/contracts';
import type { UnreadCounts } from '@chat-cluster/domain';
import { backoff, type Logger, NaturalBatch } from '@chat-cluster/runtime';
import { Counter, Gauge } from 'prom-client';
import type { ChatServer, ChatSocket } from './server.ts';

const connections = new Gauge({ name: 'chat_connections', help: 'Authenticated sockets' });
const disconnects = new Counter({
  name: 'chat_disconnects_total',
  help: 'Sockets closed, by reason',
  labelNames: ['reason'],
});

export interface ConnectionDeps {
  gatewayId: string;
  unread: UnreadCounts;
  /** Resolves when emits to the room reach this gateway. */
  subscribed(room: string): Promise<void>;
  logger: Logger;
}

/** Attempts to read the first badge while Postgres is away: with back-off up to 5 s, about a minute. */
const BADGE_ATTEMPTS = 15;

/**
 * Welcomes sockets: room of the user, `session`, then the unread badge. In a storm of reconnects the badges of many
 * sockets are one query.
 */
export function welcomeConnections(io: ChatServer, deps: ConnectionDeps): void {
  const totals = new NaturalBatch<UserId, number>({
    run: (userIds) => deps.unread.totals(userIds),
    maxInFlight: 2,
    maxItems: 500,
    maxWaiting: 100_000,
    overflow: () => new Rejection('OVERLOADED'),
  });
  io.on('connection', (socket) => {
    connections.inc();
    socket.on('disconnect', (reason) => {
      connections.dec();
      disconnects.inc({ reason });
    });
    void socket.join(socket.data.userId);
    socket.emit('session', {
      userId: socket.data.userId,
      connectionId: socket.id,
      gatewayId: deps.gatewayId,
      serverTime: new Date().toISOString(),
    });
    welcome(socket, deps, (userId) => totals.submit(userId)).catch((error: unknown) => {
      deps.logger.error({ err: error }, 'connection: could not be set up, closing it so that the client comes back');
      socket.conn.close();
    });
  });
}

/**
 * The first badge, from a count that starts after Redis has confirmed the room: what is committed before it is in the
 * count, what comes after is emitted to the room. An `unread_count` from the room that passes while the count is under
 * way is newer or will be followed by a newer one, so then the count is not sent at all.
 */
async function welcome(
  socket: ChatSocket,
  deps: ConnectionDeps,
  total: (userId: UserId) => Promise<number>,
): Promise<void> {
  await deps.subscribed(socket.data.userId);
  let overtaken = false;
  const watch = (event: string) => {
    overtaken ||= event === 'unread_count';
  };
  socket.onAnyOutgoing(watch);
  try {
    for (let attempt = 0; socket.connected && !overtaken; attempt++) {
      try {
        const count = await total(socket.data.userId);
        if (!overtaken) socket.emit('unread_count', { count });
        return;
      } catch (error) {
        if (attempt === BADGE_ATTEMPTS) throw error;
        await backoff(attempt, 200, 5_000);
      }
    }
  } finally {
    socket.offAnyOutgoing(watch);
  }
}
