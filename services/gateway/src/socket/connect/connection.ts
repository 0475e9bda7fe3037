import { setTimeout as delay } from 'node:timers/promises';
import type { UserId } from '@chat-cluster/contracts';
import type { UnreadSummary } from '@chat-cluster/domain';
import { backoff, type Logger, withDeadline } from '@chat-cluster/runtime';
import { Counter, Gauge } from 'prom-client';
import type { ChatServer, ChatSocket } from '../server.ts';
import { watchBadges } from './badge-watch.ts';

const connections = new Gauge({ name: 'chat_connections', help: 'Authenticated sockets' });
const disconnects = new Counter({
  name: 'chat_disconnects_total',
  help: 'Sockets closed, by reason',
  labelNames: ['reason'],
});
const syncsRequired = new Counter({
  name: 'chat_sync_required_total',
  help: 'Sockets told to sync, because emits may not have reached this gateway',
});

export interface ConnectionDeps {
  gatewayId: string;
  unreadOf(userId: UserId): Promise<UnreadSummary>;
  /** Resolves when emits to the room reach this gateway. */
  subscribed(room: string): Promise<void>;
  logger: Logger;
}

/** How long a badge waits for the room, before it is told anyway. */
const SUBSCRIBED_DEADLINE_MS = 2_000;

/**
 * Welcomes sockets: room of the user, `session`, then the unread badge. In a storm of reconnects the badges of many
 * sockets are one query. `heal` makes every socket of this gateway whole after emits may have been lost on their way.
 */
export function welcomeConnections(io: ChatServer, deps: ConnectionDeps): { heal(): void } {
  io.on('connection', (socket) => {
    connections.inc();
    socket.on('disconnect', onDisconnect);
    void socket.join(socket.data.userId);
    socket.emit('session', {
      userId: socket.data.userId,
      connectionId: socket.id,
      gatewayId: deps.gatewayId,
      serverTime: new Date().toISOString(),
    });
    welcome(socket, deps).catch((error: unknown) => deps.logger.error({ err: error }, 'connection: a fault'));
  });
  let passes = 0;
  return {
    heal: () => void healAll(io, deps, ++passes, () => passes),
  };
}

/** One listener for all sockets. */
function onDisconnect(this: ChatSocket, reason: string): void {
  connections.dec();
  disconnects.inc({ reason });
  // Socket.IO would keep the connection for another namespace, but there is none.
  if (reason === 'client namespace disconnect') this.conn.close();
}

/**
 * The first badge, from a count that starts after Redis has confirmed the room: what is committed before it is in the
 * count, what comes after is emitted to the room. While Redis is away the badge does not wait for it, and the socket is
 * healed when the room is subscribed at last.
 */
async function welcome(socket: ChatSocket, deps: ConnectionDeps): Promise<void> {
  const subscription = deps.subscribed(socket.data.userId);
  const inTime = await withDeadline(subscription, SUBSCRIBED_DEADLINE_MS, 'subscription').then(
    () => true,
    () => false,
  );
  await tellBadge(socket, deps);
  if (inTime) return;
  await subscription;
  await heal(socket, deps);
}

/** Tells a client that knows `sync` to send it, and one that does not at least its badge. */
async function heal(socket: ChatSocket, deps: ConnectionDeps): Promise<void> {
  if (!socket.connected) return;
  syncsRequired.inc();
  socket.emit('sync_required', { reason: 'fanout_gap' });
  await tellBadge(socket, deps);
}

/** Sockets healed at once, and the pause between: 1,000 a second, so that the syncs that follow are no storm. */
const HEAL_SLICE = 100;
const HEAL_PAUSE_MS = 100;

/** One pass over the sockets of now (later ones read after the gap anyway); a newer gap's pass takes over. */
async function healAll(io: ChatServer, deps: ConnectionDeps, pass: number, current: () => number): Promise<void> {
  const sockets = [...io.of('/').sockets.values()];
  for (let at = 0; at < sockets.length && pass === current(); at += HEAL_SLICE) {
    if (at > 0) await delay(HEAL_PAUSE_MS);
    for (const socket of sockets.slice(at, at + HEAL_SLICE)) {
      heal(socket, deps).catch((error: unknown) => deps.logger.error({ err: error }, 'connection: a fault'));
    }
  }
}

/** The badge as it is now, unless a newer one passes while it is read. Tries again for as long as the socket lives. */
async function tellBadge(socket: ChatSocket, deps: ConnectionDeps): Promise<void> {
  using badges = watchBadges(socket);
  for (let attempt = 0; socket.connected && !badges.passed(); attempt++) {
    try {
      const { count } = await deps.unreadOf(socket.data.userId);
      if (!badges.passed()) socket.emit('unread_count', { count });
      return;
    } catch {
      await backoff(attempt, 200, 5_000);
    }
  }
}
