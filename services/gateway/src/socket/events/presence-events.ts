import { LIMITS, type Presence, Rejection, type UserId } from '@chat-cluster/contracts';
import type { PresenceAnnouncer, PresenceWatch } from '@chat-cluster/domain';
import { withDeadline } from '@chat-cluster/runtime';
import type { ChatSocket } from '../chat-socket.ts';
import { PresenceNotifier } from './presence-notifier.ts';
import { TokenBucket } from './token-bucket.ts';

/** Users watched by one process, each with a subscription and a check per minute; beyond it OVERLOADED. */
const MAX_WATCHED_USERS = 100_000;
/** Users that one socket may start to watch, each of which may cost a subscription: two full lists at once. */
const BURST = 2 * LIMITS.watchedUsers;
const PER_SECOND = 50;
/**
 * How long a first answer may take, in ms; then the client gets UNAVAILABLE and retries. Redis is down in that case.
 */
const DEADLINE_MS = 2_000;

export interface PresenceDeps {
  announcer: PresenceAnnouncer;
  watch: PresenceWatch;
  maxWatchedUsers?: number;
}

/**
 * Presence of the users of this gateway, and its sockets' `watch_presence` and `unwatch_presence`. A watch lasts as
 * long as its socket. A call that fails changes nothing: earlier watches stay.
 */
export class PresenceEvents {
  readonly #deps: Required<PresenceDeps>;
  readonly #table: WatchTable;
  readonly #notifier = new PresenceNotifier();
  /** One listener, shared by all sockets. */
  readonly #onDisconnect: (this: ChatSocket) => void;

  constructor(deps: PresenceDeps) {
    this.#deps = { maxWatchedUsers: MAX_WATCHED_USERS, ...deps };
    this.#table = new WatchTable(deps.watch);
    deps.watch.onChange((presence) => {
      for (const socket of this.#table.watchersOf(presence.userId)) this.#notifier.notify(socket, presence);
    });
    const events = this;
    this.#onDisconnect = function () {
      events.#release(this);
    };
  }

  /** Announces the user of a connected socket as online until it disconnects. */
  attach(socket: ChatSocket): void {
    this.#deps.announcer.hold(socket.data.userId);
    socket.on('disconnect', this.#onDisconnect);
  }

  /** Resolves with the presence of the users, in order, once each further change is going to be emitted. */
  async watch(socket: ChatSocket, userIds: UserId[]): Promise<{ ok: true; presence: Presence[] }> {
    const fresh = this.#table.unwatched(socket, userIds);
    const total = this.#table.countOf(socket) + fresh.length;
    if (total > LIMITS.watchedUsers) {
      const message = `One connection watches at most ${LIMITS.watchedUsers} users, not ${total}.`;
      throw new Rejection('LIMIT_EXCEEDED', { message });
    }
    if (this.#table.users + fresh.length > this.#deps.maxWatchedUsers) {
      throw new Rejection('OVERLOADED', { retryAfterMs: 5_000 });
    }
    const waitMs = this.#table.take(socket, fresh.length);
    if (waitMs > 0) throw new Rejection('RATE_LIMITED', { retryAfterMs: waitMs });
    this.#table.add(socket, fresh);
    return { ok: true, presence: await this.#firstAnswer(socket, userIds, fresh) };
  }

  async unwatch(socket: ChatSocket, userIds: readonly UserId[]): Promise<{ ok: true }> {
    this.#table.remove(socket, userIds);
    this.#notifier.forget(socket, userIds);
    return { ok: true };
  }

  async #firstAnswer(socket: ChatSocket, userIds: UserId[], fresh: UserId[]): Promise<Presence[]> {
    const presence = await withDeadline(this.#deps.watch.watch(userIds), DEADLINE_MS, 'presence').catch(
      () => undefined,
    );
    // A user is unwatched by now if an earlier call with the same user has failed, or after an `unwatch_presence`.
    if (presence && this.#table.unwatched(socket, userIds).length === 0) return presence;
    this.#table.remove(socket, fresh);
    throw new Rejection('UNAVAILABLE', { retryAfterMs: 1_000 });
  }

  #release(socket: ChatSocket): void {
    this.#deps.announcer.release(socket.data.userId);
    this.#notifier.forget(socket);
    this.#table.close(socket);
  }
}

/** Which sockets watch which users. A user without watchers in this process is unwatched in the cluster. */
class WatchTable {
  #watch: PresenceWatch;
  #sockets = new Map<ChatSocket, { watched: Set<UserId>; bucket: TokenBucket }>();
  #watchers = new Map<UserId, Set<ChatSocket>>();

  constructor(watch: PresenceWatch) {
    this.#watch = watch;
  }

  /** Number of watched users. */
  get users(): number {
    return this.#watchers.size;
  }

  watchersOf(userId: UserId): Iterable<ChatSocket> {
    return this.#watchers.get(userId) ?? [];
  }

  countOf(socket: ChatSocket): number {
    return this.#sockets.get(socket)?.watched.size ?? 0;
  }

  /** The users that the socket does not watch, each once. */
  unwatched(socket: ChatSocket, userIds: readonly UserId[]): UserId[] {
    const watched = this.#sockets.get(socket)?.watched;
    return [...new Set(userIds)].filter((userId) => !watched?.has(userId));
  }

  /** 0, or the time in ms after which the socket may start to watch `count` users. */
  take(socket: ChatSocket, count: number): number {
    return this.#entryOf(socket).bucket.take(count);
  }

  add(socket: ChatSocket, userIds: readonly UserId[]): void {
    const { watched } = this.#entryOf(socket);
    for (const userId of userIds) {
      watched.add(userId);
      const watchers = this.#watchers.get(userId);
      if (watchers) watchers.add(socket);
      else this.#watchers.set(userId, new Set([socket]));
    }
  }

  remove(socket: ChatSocket, userIds: readonly UserId[]): void {
    for (const userId of userIds) {
      this.#sockets.get(socket)?.watched.delete(userId);
      const watchers = this.#watchers.get(userId);
      if (!watchers?.delete(socket) || watchers.size > 0) continue;
      this.#watchers.delete(userId);
      this.#watch.unwatch(userId);
    }
  }

  close(socket: ChatSocket): void {
    this.remove(socket, [...(this.#sockets.get(socket)?.watched ?? [])]);
    this.#sockets.delete(socket);
  }

  #entryOf(socket: ChatSocket) {
    const known = this.#sockets.get(socket);
    if (known) return known;
    const made = { watched: new Set<UserId>(), bucket: new TokenBucket(PER_SECOND, BURST) };
    this.#sockets.set(socket, made);
    return made;
  }
}
