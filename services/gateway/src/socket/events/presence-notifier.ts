import type { Presence, UserId } from '@chat-cluster/contracts';
import { Counter } from 'prom-client';
import type { ChatSocket } from '../server.ts';

const told = new Counter({ name: 'chat_presence_told_total', help: 'presence events emitted to sockets' });

/** Sockets told in one turn of the event loop, so that a user with very many watchers does not hold up the others. */
const MAX_IN_TURN = 500;

/**
 * Tells sockets of changes, without ever adding to what a slow client has not read: while packets wait for a socket,
 * changes wait here, and of each user only the newest; at most as many as the socket watches.
 *
 * That is what `volatile` is for, but Socket.IO's drops every second emit of one turn (the transport is busy with the
 * first), and a client that watches many users of a gateway that died would hear of one. Nothing else would tell it.
 */
export class PresenceNotifier {
  #owed = new Map<ChatSocket, Map<UserId, Presence>>();
  #ready = new Set<ChatSocket>();

  tell(socket: ChatSocket, presence: Presence): void {
    const owed = this.#owed.get(socket);
    if (owed) {
      owed.set(presence.userId, presence);
      return;
    }
    this.#owed.set(socket, new Map([[presence.userId, presence]]));
    this.#isReady(socket);
  }

  /** What the socket was to hear of these users, or at all, it does not hear any more. */
  forget(socket: ChatSocket, userIds?: readonly UserId[]): void {
    if (!userIds) this.#owed.delete(socket);
    else for (const userId of userIds) this.#owed.get(socket)?.delete(userId);
  }

  #isReady(socket: ChatSocket): void {
    if (this.#ready.size === 0) setImmediate(() => this.#turn());
    this.#ready.add(socket);
  }

  #turn(): void {
    for (const socket of this.#ready.values().take(MAX_IN_TURN).toArray()) {
      this.#ready.delete(socket);
      const connection = socket.conn as unknown as Connection;
      if (connection.writeBuffer.length > 0) connection.once('drain', () => this.#isReady(socket));
      else this.#pay(socket);
    }
    if (this.#ready.size > 0) setImmediate(() => this.#turn());
  }

  #pay(socket: ChatSocket): void {
    const owed = this.#owed.get(socket);
    this.#owed.delete(socket);
    for (const presence of owed?.values() ?? []) {
      socket.emit('presence', presence);
      told.inc();
    }
  }
}

/** What this file needs of an engine.io socket (6.6): `drain` comes when a transport has taken all that waits. */
interface Connection {
  readonly writeBuffer: readonly unknown[];
  once(event: 'drain', listener: () => void): void;
}
