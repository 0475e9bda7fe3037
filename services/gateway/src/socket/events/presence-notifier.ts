import type { Presence, UserId } from '@chat-cluster/contracts';
import { Counter } from 'prom-client';
import type { ChatSocket } from '../chat-socket.ts';
import { waitingPackets } from '../engine-io.ts';

const emitted = new Counter({ name: 'chat_presence_told_total', help: 'presence events emitted to sockets' });

/** Sockets notified per turn of the event loop, so that a user with many watchers does not delay other work. */
const MAX_PER_TURN = 500;

/**
 * Notifies sockets of presence changes without adding to the backlog of a slow client. While packets wait for a socket,
 * the notifier keeps the newest change of each watched user and drops older ones.
 *
 * `volatile` is not sufficient: Socket.IO drops every volatile emit of a turn except the first, since the transport is
 * busy. Of several users of a gateway that died, a client would be notified of one, and nothing would correct it.
 */
export class PresenceNotifier {
  #pending = new Map<ChatSocket, Map<UserId, Presence>>();
  /** Sockets with pending changes and no waiting packets. */
  #ready = new Set<ChatSocket>();

  notify(socket: ChatSocket, presence: Presence): void {
    const pending = this.#pending.get(socket);
    if (pending) {
      pending.set(presence.userId, presence);
      return;
    }
    this.#pending.set(socket, new Map([[presence.userId, presence]]));
    this.#schedule(socket);
  }

  /** Drops the pending changes of these users, or all of them. */
  forget(socket: ChatSocket, userIds?: readonly UserId[]): void {
    if (!userIds) this.#pending.delete(socket);
    else for (const userId of userIds) this.#pending.get(socket)?.delete(userId);
  }

  #schedule(socket: ChatSocket): void {
    if (this.#ready.size === 0) setImmediate(() => this.#runTurn());
    this.#ready.add(socket);
  }

  #runTurn(): void {
    for (const socket of this.#ready.values().take(MAX_PER_TURN).toArray()) {
      this.#ready.delete(socket);
      // `drain`: the transport has taken all waiting packets.
      if (waitingPackets(socket.conn) > 0) socket.conn.once('drain', () => this.#schedule(socket));
      else this.#emitPending(socket);
    }
    if (this.#ready.size > 0) setImmediate(() => this.#runTurn());
  }

  #emitPending(socket: ChatSocket): void {
    const pending = this.#pending.get(socket);
    this.#pending.delete(socket);
    for (const presence of pending?.values() ?? []) {
      socket.emit('presence', presence);
      emitted.inc();
    }
  }
}
