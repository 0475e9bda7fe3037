import { LIMITS, type Presence, Rejection, type UserId } from '@chat-cluster/contracts';
import type { PresenceAnnouncer, PresenceWatch } from '@chat-cluster/domain';
import { type Logger, withDeadline } from '@chat-cluster/runtime';
import type { NewContacts } from '../../new-contacts.ts';
import { rateOf, TokenBucket } from '../../token-bucket.ts';
import type { ChatSocket } from '../chat-socket.ts';
import { PresenceNotifier } from './presence-notifier.ts';

/** Users watched by one process, each with a subscription and a check per minute; beyond it OVERLOADED. */
const MAX_WATCHED_USERS = 100_000;
/** Users that one socket may start to watch, each of which may cost a subscription: two full lists at once. */
const BURST = 2 * LIMITS.watchedUsers;
const RATE = rateOf(50, BURST);
/** Time limit of a first answer, in ms. While Redis is down it is reached; the client gets UNAVAILABLE and retries. */
const DEADLINE_MS = 2_000;

export interface PresenceDeps {
  announcer: PresenceAnnouncer;
  watch: PresenceWatch;
  /** Those of `userIds` whose presence the user may see. */
  visibleTo(userId: UserId, userIds: readonly UserId[]): Promise<ReadonlySet<UserId>>;
  newContacts: Pick<NewContacts, 'follow' | 'unfollow'>;
  logger: Logger;
  maxWatchedUsers?: number;
  /** MAX_WATCHES_PER_USER */
  maxWatchesPerUser: number;
}

/**
 * Presence of the users of this gateway, and its sockets' `watch_presence` and `unwatch_presence`. A watch lasts as
 * long as its socket. A call that fails changes nothing: earlier watches stay.
 *
 * A watch of a user who is not visible to the watcher waits: it counts towards the limits, looks like one of a user who
 * is offline, and costs no subscription to that user. When the watcher gets a new contact, the waiting watches are
 * checked again.
 */
export class PresenceEvents {
  readonly #deps: Required<PresenceDeps>;
  readonly #notifier = new PresenceNotifier();
  /** The sockets that watch each visible user. A user without watchers here is unwatched in the cluster. */
  readonly #watchers = new Map<UserId, Set<ChatSocket>>();
  /** Grows with each change that hides a user, so that a read that began before is repeated. */
  #hidingChanges = 0;
  /** The sockets of each user that have sent `watch_presence`. */
  readonly #watching = new Map<UserId, Set<ChatSocket>>();
  /** The sockets of each user that have, or had, a waiting watch. */
  readonly #waiting = new Map<UserId, Set<ChatSocket>>();

  constructor(deps: PresenceDeps) {
    this.#deps = { maxWatchedUsers: MAX_WATCHED_USERS, ...deps };
    deps.watch.onChange((presence) => {
      for (const socket of this.#watchers.get(presence.userId) ?? []) this.#notifier.notify(socket, presence);
    });
  }

  /** Announces the user of a connected socket as online until its `detach`. */
  attach(socket: ChatSocket): void {
    this.#deps.announcer.hold(socket.data.userId);
  }

  /** Resolves with the presence of the users, in order. From then on every change is emitted. */
  async watch(socket: ChatSocket, userIds: UserId[]): Promise<{ ok: true; presence: Presence[] }> {
    if (!socket.data.watching) this.#begin(socket);
    socket.data.watching ??= { users: new Set(), limit: new TokenBucket(RATE) };
    const { users, limit } = socket.data.watching;
    const fresh = new Set(userIds).difference(users);
    const total = users.size + fresh.size;
    if (total > LIMITS.watchedUsers) {
      const message = `One connection watches at most ${LIMITS.watchedUsers} users, not ${total}.`;
      throw new Rejection('LIMIT_EXCEEDED', { message });
    }
    if (socket.data.user.watches + fresh.size > this.#deps.maxWatchesPerUser) {
      const message = `The connections of a user watch at most ${this.#deps.maxWatchesPerUser} users in total.`;
      throw new Rejection('LIMIT_EXCEEDED', { message });
    }
    if (this.#watchers.size + fresh.size > this.#deps.maxWatchedUsers) {
      throw new Rejection('OVERLOADED', { retryAfterMs: 5_000 });
    }
    const waitMs = limit.take(fresh.size);
    if (waitMs > 0) throw new Rejection('RATE_LIMITED', { retryAfterMs: waitMs });
    for (const userId of fresh) {
      users.add(userId);
      socket.data.user.watches++;
    }
    try {
      const shown = await this.#show(socket, userIds);
      // Meanwhile an `unwatch_presence`, or the failure of an earlier call with the same user, may have ended the watch.
      if (!userIds.every((userId) => users.has(userId))) throw new Rejection('UNAVAILABLE', { retryAfterMs: 1_000 });
      if (userIds.some((userId) => !shown.has(userId))) this.#wait(socket);
      return { ok: true, presence: userIds.map((userId) => shown.get(userId) ?? { userId, online: false }) };
    } catch (error) {
      this.#remove(socket, fresh);
      throw error;
    }
  }

  /** Begins the watches of those users who are visible, and resolves with their presence. */
  async #show(socket: ChatSocket, userIds: readonly UserId[]): Promise<Map<UserId, Presence>> {
    const unknown = userIds.filter((userId) => !this.#isShown(socket, userId));
    const visible = await this.#readVisible(socket.data.userId, unknown);
    const isShown = (userId: UserId) => visible.has(userId) || this.#isShown(socket, userId);
    const shown = userIds.filter((userId) => socket.data.watching?.users.has(userId) && isShown(userId));
    for (const userId of shown) {
      const watchers = this.#watchers.get(userId);
      if (watchers) watchers.add(socket);
      else this.#watchers.set(userId, new Set([socket]));
    }
    const presence = await withDeadline(this.#deps.watch.watch(shown), DEADLINE_MS, 'presence').catch(() => {
      throw new Rejection('UNAVAILABLE', { retryAfterMs: 1_000 });
    });
    return new Map(presence.map((one) => [one.userId, one]));
  }

  async #readVisible(userId: UserId, userIds: readonly UserId[]): Promise<ReadonlySet<UserId>> {
    for (;;) {
      const changes = this.#hidingChanges;
      const visible = await this.#deps.visibleTo(userId, userIds);
      if (changes === this.#hidingChanges) return visible;
    }
  }

  /** One of the two users has blocked the other, or does not any more: their watches of each other are checked again. */
  onBlockChange([a, b]: readonly [UserId, UserId]): void {
    this.#hidingChanges++;
    this.#hide(a, b);
    this.#hide(b, a);
    for (const userId of [a, b])
      for (const socket of this.#waiting.get(userId) ?? []) void this.#showNewContacts(socket);
  }

  /** The user has left a group: watches between the user and its members are checked again. */
  onLeft(userId: UserId): void {
    this.#hidingChanges++;
    for (const socket of this.#watchers.get(userId) ?? []) void this.#checkAgain(socket, [userId]);
    for (const socket of this.#watching.get(userId) ?? []) {
      void this.#checkAgain(socket, [...(socket.data.watching?.users ?? [])]);
    }
  }

  async #checkAgain(socket: ChatSocket, userIds: readonly UserId[]): Promise<void> {
    const shown = userIds.filter((userId) => this.#isShown(socket, userId));
    try {
      const visible = await this.#readVisible(socket.data.userId, shown);
      for (const userId of shown) if (!visible.has(userId)) this.#hide(userId, socket.data.userId);
    } catch (error) {
      this.#deps.logger.warn({ reason: String(error) }, 'presence: the watches of a former contact were not checked');
    }
  }

  #begin(socket: ChatSocket): void {
    const { userId } = socket.data;
    const sockets = this.#watching.get(userId);
    if (sockets) sockets.add(socket);
    else this.#watching.set(userId, new Set([socket]));
  }

  /** The watches of `userId` by the sockets of `watcher` wait, as if the users had no common conversation. */
  #hide(userId: UserId, watcher: UserId): void {
    const watchers = this.#watchers.get(userId);
    for (const socket of watchers ?? []) {
      if (socket.data.userId !== watcher) continue;
      watchers?.delete(socket);
      this.#notifier.notify(socket, { userId, online: false });
      this.#wait(socket);
    }
    if (watchers?.size !== 0) return;
    this.#watchers.delete(userId);
    this.#deps.watch.unwatch(userId);
  }

  #isShown(socket: ChatSocket, userId: UserId): boolean {
    return this.#watchers.get(userId)?.has(socket) ?? false;
  }

  /** Follows new contacts of the user until the end of the socket. */
  #wait(socket: ChatSocket): void {
    const { userId } = socket.data;
    const sockets = this.#waiting.get(userId);
    if (sockets) {
      sockets.add(socket);
      return;
    }
    this.#waiting.set(userId, new Set([socket]));
    this.#deps.newContacts.follow(userId, () => {
      for (const waiting of this.#waiting.get(userId) ?? []) void this.#showNewContacts(waiting);
    });
  }

  async #showNewContacts(socket: ChatSocket): Promise<void> {
    const users = socket.data.watching?.users ?? new Set();
    const hidden = [...users].filter((userId) => !this.#isShown(socket, userId));
    if (hidden.length === 0) return;
    try {
      const shown = await this.#show(socket, hidden);
      for (const [userId, presence] of shown) if (users.has(userId)) this.#notifier.notify(socket, presence);
    } catch (error) {
      this.#deps.logger.warn({ reason: String(error) }, 'presence: a new contact was not shown');
    }
  }

  async unwatch(socket: ChatSocket, userIds: readonly UserId[]): Promise<{ ok: true }> {
    this.#remove(socket, userIds);
    this.#notifier.forget(socket, userIds);
    return { ok: true };
  }

  /** Ends the watches of a socket that has disconnected. */
  detach(socket: ChatSocket): void {
    this.#deps.announcer.release(socket.data.userId);
    this.#notifier.forget(socket);
    this.#remove(socket, socket.data.watching?.users ?? []);
    const { userId } = socket.data;
    const watching = this.#watching.get(userId);
    if (watching?.delete(socket) && watching.size === 0) this.#watching.delete(userId);
    const waiting = this.#waiting.get(userId);
    if (!waiting?.delete(socket) || waiting.size > 0) return;
    this.#waiting.delete(userId);
    this.#deps.newContacts.unfollow(userId);
  }

  #remove(socket: ChatSocket, userIds: Iterable<UserId>): void {
    for (const userId of userIds) {
      if (socket.data.watching?.users.delete(userId)) socket.data.user.watches--;
      const watchers = this.#watchers.get(userId);
      if (!watchers?.delete(socket) || watchers.size > 0) continue;
      this.#watchers.delete(userId);
      this.#deps.watch.unwatch(userId);
    }
  }
}
