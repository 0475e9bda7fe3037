import { LIMITS, type Presence, Rejection, type UserId } from '@chat-cluster/contracts';
import type { PresenceAnnouncer, PresenceWatch } from '@chat-cluster/domain';
import { withDeadline } from '@chat-cluster/runtime';
import type { ChatServer, ChatSocket } from '../server.ts';
import type { Handlers } from './dispatch.ts';
import { PresenceNotifier } from './presence-notifier.ts';
import { TokenBucket } from './token-bucket.ts';

/** Users watched by one process: their subscriptions, and a look at each of them once a minute. Past it OVERLOADED. */
const MAX_WATCHED_USERS = 100_000;
/** Users that one socket begins to watch, each of which may cost a subscription: two full lists at once. */
const BURST = 2 * LIMITS.watchedUsers;
const PER_SECOND = 50;
/** While Redis is away nobody knows: the client hears UNAVAILABLE and asks again. */
const DEADLINE_MS = 2_000;

/**
 * `watch_presence` and `unwatch_presence`, and the connections of this gateway as presence. A watch lasts as long as its
 * socket. A call that fails has changed nothing: who was watched before still is.
 */
export function presenceEvents(
  io: ChatServer,
  deps: { announcer: PresenceAnnouncer; watch: PresenceWatch; maxWatchedUsers?: number },
): Pick<Handlers, 'watch_presence' | 'unwatch_presence'> {
  const { announcer, watch, maxWatchedUsers = MAX_WATCHED_USERS } = deps;
  const book = new WatchBook(watch);
  const teller = new PresenceNotifier();
  watch.onChange((presence) => {
    for (const socket of book.watchersOf(presence.userId)) teller.tell(socket, presence);
  });
  io.on('connection', (socket) => {
    announcer.hold(socket.data.userId);
    socket.on('disconnect', onDisconnect);
  });
  /** One listener for all sockets. */
  function onDisconnect(this: ChatSocket): void {
    announcer.release(this.data.userId);
    teller.forget(this);
    book.close(this);
  }

  return {
    async watch_presence(_userId, { userIds }, socket) {
      const fresh = book.fresh(socket, userIds);
      const overall = book.countOf(socket) + fresh.length;
      if (overall > LIMITS.watchedUsers) {
        const message = `One connection watches at most ${LIMITS.watchedUsers} users; this would make ${overall}.`;
        throw new Rejection('LIMIT_EXCEEDED', { message });
      }
      if (book.users + fresh.length > maxWatchedUsers) throw new Rejection('OVERLOADED', { retryAfterMs: 5_000 });
      const waitMs = book.take(socket, fresh.length);
      if (waitMs > 0) throw new Rejection('RATE_LIMITED', { retryAfterMs: waitMs });
      book.add(socket, fresh);
      return { ok: true, presence: await firstAnswer(watch, book, socket, userIds, fresh) };
    },
    async unwatch_presence(_userId, { userIds }, socket) {
      book.remove(socket, userIds);
      teller.forget(socket, userIds);
      return { ok: true };
    },
  };
}

async function firstAnswer(
  watch: PresenceWatch,
  book: WatchBook,
  socket: ChatSocket,
  userIds: UserId[],
  fresh: UserId[],
): Promise<Presence[]> {
  const presence = await withDeadline(watch.watch(userIds), DEADLINE_MS, 'presence').catch(() => undefined);
  // Not there any more: an earlier call of the socket that had them in common has failed, or it was unwatched meanwhile.
  if (presence && book.fresh(socket, userIds).length === 0) return presence;
  book.remove(socket, fresh);
  throw new Rejection('UNAVAILABLE', { retryAfterMs: 1_000 });
}

/** Which sockets watch whom. What nobody here watches any more is unwatched in the cluster. */
class WatchBook {
  #watch: PresenceWatch;
  #sockets = new Map<ChatSocket, { watched: Set<UserId>; bucket: TokenBucket }>();
  #watchers = new Map<UserId, Set<ChatSocket>>();

  constructor(watch: PresenceWatch) {
    this.#watch = watch;
  }

  get users(): number {
    return this.#watchers.size;
  }

  watchersOf(userId: UserId): Iterable<ChatSocket> {
    return this.#watchers.get(userId) ?? [];
  }

  countOf(socket: ChatSocket): number {
    return this.#sockets.get(socket)?.watched.size ?? 0;
  }

  /** Each of the users once, that the socket does not watch. */
  fresh(socket: ChatSocket, userIds: readonly UserId[]): UserId[] {
    const watched = this.#sockets.get(socket)?.watched;
    return [...new Set(userIds)].filter((userId) => !watched?.has(userId));
  }

  /** 0, or the milliseconds after which the socket may begin to watch so many. */
  take(socket: ChatSocket, count: number): number {
    return this.#of(socket).bucket.take(count);
  }

  add(socket: ChatSocket, userIds: readonly UserId[]): void {
    const { watched } = this.#of(socket);
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

  #of(socket: ChatSocket) {
    const known = this.#sockets.get(socket);
    if (known) return known;
    const made = { watched: new Set<UserId>(), bucket: new TokenBucket(PER_SECOND, BURST) };
    this.#sockets.set(socket, made);
    return made;
  }
}
