import { setTimeout as delay } from 'node:timers/promises';
import type { StoreEpoch, SyncRequired, UserId } from '@chat-cluster/contracts';
import { type Logger, withDeadline } from '@chat-cluster/runtime';
import { Counter, Gauge } from 'prom-client';
import type { ChatServer, ChatSocket } from '../chat-socket.ts';
import { closeConnection } from '../engine-io.ts';
import type { GroupRooms } from '../group-rooms.ts';
import { watchBadges } from './badge-watch.ts';

const connections = new Gauge({ name: 'chat_connections', help: 'Authenticated sockets' });
const disconnects = new Counter({
  name: 'chat_disconnects_total',
  help: 'Closed sockets, by reason',
  labelNames: ['reason'],
});
const syncsRequired = new Counter({
  name: 'chat_sync_required_total',
  help: 'sync_required events emitted to sockets, because emits to this gateway may have been lost, or after a restore',
});

/** How long the first badge waits for the subscription of its room, in ms. */
const SUBSCRIBED_DEADLINE_MS = 2_000;
/** Sockets that get `sync_required` at once, and the pause after them in ms: 1,000 per second, to spread the syncs. */
const SYNC_SLICE = 100;
const SYNC_PAUSE_MS = 100;

export interface WelcomeDeps {
  io: ChatServer;
  gatewayId: string;
  /** Reads the unread count of a user, and joins the rooms of the user's groups by the same read. */
  rooms: Pick<GroupRooms, 'enter'>;
  /** Resolves when emits to the room reach this gateway. */
  subscribed(room: string): Promise<void>;
  epoch(): StoreEpoch;
  logger: Logger;
}

/** Puts new sockets into their rooms and sends `session` and the badge; after a gap `sync_required` and the badge. */
export class Welcome {
  readonly #deps: WelcomeDeps;
  /** Number of the current pass of `requireSyncs`. */
  #pass = 0;

  constructor(deps: WelcomeDeps) {
    this.#deps = deps;
  }

  /** The first step of a connected socket: it joins the room of its user and receives `session`, then its badge. */
  attach(socket: ChatSocket): void {
    connections.inc();
    void socket.join(socket.data.userId);
    socket.emit('session', {
      userId: socket.data.userId,
      connectionId: socket.id,
      gatewayId: this.#deps.gatewayId,
      serverTime: new Date().toISOString(),
      epoch: this.#deps.epoch(),
    });
    this.#own(this.#emitFirstBadge(socket));
  }

  /** Counts a socket that has disconnected, and closes its connection. */
  detach(socket: ChatSocket, reason: string): void {
    connections.dec();
    disconnects.inc({ reason });
    // Socket.IO would keep the connection open for another namespace, but there is only one.
    if (reason === 'client namespace disconnect') closeConnection(socket.conn);
  }

  /**
   * Sends `sync_required` and the badge to all sockets of this gateway. Call it when emits to it may have been lost,
   * or the epoch was renewed. Sockets that connect later read their state after that anyway. A newer call ends the
   * current pass.
   */
  async requireSyncs(reason: SyncRequired['reason']): Promise<void> {
    const pass = ++this.#pass;
    const sockets = [...this.#deps.io.of('/').sockets.values()];
    for (let at = 0; at < sockets.length && pass === this.#pass; at += SYNC_SLICE) {
      if (at > 0) await delay(SYNC_PAUSE_MS);
      for (const socket of sockets.slice(at, at + SYNC_SLICE)) this.#own(this.#requireSync(socket, reason));
    }
  }

  /**
   * Emits the badge to the sockets of these users, by default of all. Call it when workers may not have known that they
   * are connected: they recount connected members of groups only.
   */
  async refreshBadges(userIds?: readonly UserId[]): Promise<void> {
    const { adapter, sockets: all } = this.#deps.io.of('/');
    const ofUser = (userId: UserId) => [...(adapter.rooms.get(userId) ?? [])].flatMap((id) => all.get(id) ?? []);
    const sockets = userIds ? userIds.flatMap(ofUser) : [...all.values()];
    for (let at = 0; at < sockets.length; at += SYNC_SLICE) {
      if (at > 0) await delay(SYNC_PAUSE_MS);
      for (const socket of sockets.slice(at, at + SYNC_SLICE)) if (socket.connected) this.#own(this.#emitBadge(socket));
    }
  }

  /** Emits `sync_required`, for clients that support `sync`, and the badge, for those that do not. */
  async #requireSync(socket: ChatSocket, reason: SyncRequired['reason']): Promise<void> {
    if (!socket.connected) return;
    syncsRequired.inc();
    socket.emit('sync_required', { reason });
    await this.#emitBadge(socket);
  }

  /** Emits `sync_required` to a socket that has joined the room of a group after its connect. */
  joinedLate(socket: ChatSocket): void {
    syncsRequired.inc();
    socket.emit('sync_required', { reason: 'fanout_gap' });
  }

  /**
   * Emits the first badge, from a count that starts after Redis has confirmed the subscription of the user's room. The
   * badge cannot be stale: earlier changes are in the count, and later ones are emitted to the room. While Redis is
   * down the badge is emitted after SUBSCRIBED_DEADLINE_MS; once subscribed, `sync_required` and another badge follow.
   */
  async #emitFirstBadge(socket: ChatSocket): Promise<void> {
    const subscription = this.#deps.subscribed(socket.data.userId);
    let inTime = true;
    const waited = withDeadline(subscription, SUBSCRIBED_DEADLINE_MS, 'subscription').catch(() => {
      inTime = false;
    });
    await this.#emitBadge(socket, waited);
    if (inTime) return;
    await subscription;
    await this.#requireSync(socket, 'fanout_gap');
  }

  /** Emits the current badge, read after `start`, unless a newer one is emitted during the read. */
  async #emitBadge(socket: ChatSocket, start?: Promise<unknown>): Promise<void> {
    using badges = watchBadges(socket);
    const summary = await this.#deps.rooms.enter(socket.data.userId, start);
    if (!summary || !socket.connected || badges.emitted()) return;
    const { count, mutedCount, mentionCount } = summary;
    const others = { ...(mutedCount && { mutedCount }), ...(mentionCount && { mentionCount }) };
    socket.emit('unread_count', { count, ...others });
  }

  #own(work: Promise<void>): void {
    work.catch((error: unknown) => this.#deps.logger.error({ err: error }, 'connection: a fault'));
  }
}
