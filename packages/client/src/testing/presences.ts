import type { Presence, UserId } from '@chat-cluster/contracts';
import type { FakeClock } from './clock.ts';
import type { FakeConnection } from './connection.ts';
import { FakeRejection } from './errors.ts';
import type { FakeHistory } from './history.ts';
import { PRESENCE_GROUP } from './people.ts';
import { idsOf } from './stored.ts';

/** Users that one connection may watch. */
const MOST_WATCHED = 200;

export interface PresenceDeps {
  clock: FakeClock;
  history: Pick<FakeHistory, 'all' | 'areBlocked'>;
  connections(): Iterable<FakeConnection>;
  /** Time from the end of the last connection of a user until watchers are notified, in ms. */
  offlineAfterMs: number;
}

/** Which users are online, and who watches them. Users without a common conversation look offline to each other. */
export class Presences {
  readonly #deps: PresenceDeps;
  readonly #online = new Set<UserId>();
  readonly #lastSeenAt = new Map<UserId, string>();
  /** Users whose last connection has ended, until they count as offline. */
  readonly #leaving = new Map<UserId, () => void>();

  constructor(deps: PresenceDeps) {
    this.#deps = deps;
  }

  connected(userId: UserId): void {
    this.#leaving.get(userId)?.();
    this.#leaving.delete(userId);
    if (this.#online.has(userId)) return;
    this.#online.add(userId);
    this.#notify(userId);
  }

  /** The last connection of the user has ended. */
  left(userId: UserId): void {
    const { clock, offlineAfterMs } = this.#deps;
    this.#lastSeenAt.set(userId, new Date(clock.now()).toISOString());
    const cancel = clock.after(offlineAfterMs, () => {
      this.#leaving.delete(userId);
      this.#online.delete(userId);
      this.#notify(userId);
    });
    this.#leaving.set(userId, cancel);
  }

  watch(connection: FakeConnection, userIds: readonly UserId[]): Presence[] {
    const total = new Set([...connection.watching, ...userIds]).size;
    if (total > MOST_WATCHED) {
      const message = `One connection watches at most ${MOST_WATCHED} users, not ${total}.`;
      throw new FakeRejection('LIMIT_EXCEEDED', { message });
    }
    for (const userId of userIds) connection.watching.add(userId);
    return userIds.map((userId) => this.#shownTo(connection.userId, userId));
  }

  unwatch(connection: FakeConnection, userIds: readonly UserId[]): void {
    for (const userId of userIds) connection.watching.delete(userId);
  }

  /** A conversation was opened, or a block was set or ended: what these users see of each other may be another. */
  contactsMade(userIds: readonly UserId[]): void {
    for (const userId of userIds) if (this.#online.has(userId)) this.#notify(userId, userIds);
  }

  /** Cancels all timers. */
  close(): void {
    for (const cancel of this.#leaving.values()) cancel();
    this.#leaving.clear();
  }

  #notify(userId: UserId, only?: readonly UserId[]): void {
    for (const connection of this.#deps.connections()) {
      if (!connection.watching.has(userId) || (only && !only.includes(connection.userId))) continue;
      if (only || this.#sees(connection.userId, userId))
        connection.emit('presence', this.#shownTo(connection.userId, userId));
    }
  }

  #shownTo(watcher: UserId, userId: UserId): Presence {
    const visible = this.#sees(watcher, userId);
    const online = visible && this.#online.has(userId);
    const lastSeenAt = visible && !online ? this.#lastSeenAt.get(userId) : undefined;
    return { userId, online, ...(lastSeenAt === undefined ? {} : { lastSeenAt }) };
  }

  #sees(watcher: UserId, userId: UserId): boolean {
    if (watcher === userId) return true;
    const { history } = this.#deps;
    if (history.areBlocked(watcher, userId)) return false;
    return history.all(watcher).some((conversation) => {
      const ids = idsOf(conversation);
      return ids.length <= PRESENCE_GROUP && ids.includes(watcher) && ids.includes(userId);
    });
  }
}
