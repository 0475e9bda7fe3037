import type { UserId } from '@chat-cluster/contracts';
import type { PresenceAnnouncer } from '@chat-cluster/domain';
import { type Logger, type Repetition, withDeadline } from '@chat-cluster/runtime';
import { Counter, Gauge } from 'prom-client';
import type { Publisher } from '../pubsub/pubsub-port.ts';
import type { GatewayRegistry } from './gateway-registry.ts';
import { RetryingKeySet } from './retrying-key-set.ts';
import { type PresenceStore, presenceChannel } from './store.ts';
import { visitInRounds } from './visit-in-rounds.ts';

const present = new Gauge({ name: 'chat_presence_users', help: 'Users with a connection in this process' });
const announced = new Counter({
  name: 'chat_presence_announced_total',
  help: 'Notifications to the watchers of a user after a gateway got its first or lost its last connection of the user',
});

/** Time in which every entry is written again, in ms: it restores lost entries and renews the others. */
const REFRESH_MS = 60_000;
/** Time limit for a publish, in ms. */
const PUBLISH_DEADLINE_MS = 2_000;
/** Longest wait of a stop for the release of the last users, in ms. The end of the lease releases the others. */
const STOP_DEADLINE_MS = 1_000;
/** Largest number of users to release after an outage of Redis. The entries of further users end by their TTL. */
const MAX_LEFT_BEHIND = 100_000;

/**
 * Keeps the entries of this gateway's users in Redis equal to the connections of this process. Each change adds its
 * user to `changed`. These users are written in batches of hundreds, with their state at that moment, and then their
 * watchers are notified to read. A user who disconnects and returns between two writes costs nothing, and a storm of
 * connects costs one command per 500 users.
 *
 * Users need no heartbeat: the lease of the gateway covers all of them. When Redis may have lost entries (the
 * connection is back, the lease was lost), all are written again at once, otherwise in slow rounds.
 */
export class RedisPresenceAnnouncer implements PresenceAnnouncer {
  #deps: AnnouncerDeps;
  /** Number of connections by user. */
  #held = new Map<UserId, number>();
  #changed: RetryingKeySet<UserId>;
  /** Users who are written, or possibly written, and whose watchers are not notified yet. */
  #toNotify = new Set<UserId>();
  /** Users whose first connection was opened since the last write. */
  #fresh = new Set<UserId>();
  #onRestored: (userIds: readonly UserId[]) => void = () => {};
  #refresh: Repetition;

  constructor(deps: AnnouncerDeps) {
    this.#deps = deps;
    this.#changed = new RetryingKeySet((userIds) => this.#write(userIds), deps.logger, 'presence: announcing');
    this.#refresh = visitInRounds(this.#held, REFRESH_MS, (userId) => this.#changed.add(userId));
    deps.store.onReconnect(() => this.#addAll());
    deps.gateways.onLeaseLost(() => {
      // Other gateways regarded this one as dead: the watchers must read, whether entries are missing or not.
      for (const userId of this.#held.keys()) this.#toNotify.add(userId);
      this.#addAll();
    });
  }

  /**
   * Calls `listener` with users that Redis has now, and did not have while they were connected: it had lost them, or did
   * not respond. Until then no reader found them.
   */
  onRestored(listener: (userIds: readonly UserId[]) => void): void {
    this.#onRestored = listener;
  }

  hold(userId: UserId): void {
    const count = this.#held.get(userId) ?? 0;
    this.#held.set(userId, count + 1);
    if (count > 0) return;
    present.inc();
    this.#fresh.add(userId);
    this.#changed.add(userId);
  }

  release(userId: UserId): void {
    const count = this.#held.get(userId) ?? 0;
    if (count > 1) {
      this.#held.set(userId, count - 1);
    } else if (this.#held.delete(userId)) {
      present.dec();
      this.#fresh.delete(userId);
      if (this.#changed.size < this.#held.size + MAX_LEFT_BEHIND) this.#changed.add(userId);
    }
  }

  /** Call it after the connections are closed. */
  async stop(): Promise<void> {
    void this.#refresh.stop();
    await withDeadline(this.#changed.idle(), STOP_DEADLINE_MS, 'presence').catch(() => {});
    this.#changed.stop();
  }

  #addAll(): void {
    for (const userId of this.#held.keys()) this.#changed.add(userId);
  }

  async #write(userIds: UserId[]): Promise<void> {
    const { held = [], released = [] } = Object.groupBy(userIds, (id) => (this.#held.has(id) ? 'held' : 'released'));
    // Also when there is no entry to remove: a wipe of Redis removed it, and the watchers have not noticed yet.
    for (const userId of released) this.#toNotify.add(userId);
    const late = new Set(held.filter((userId) => !this.#fresh.delete(userId)));
    try {
      const changed = await this.#deps.store.write(held, released);
      for (const userId of changed) this.#toNotify.add(userId);
      const restored = changed.filter((userId) => late.has(userId));
      if (restored.length > 0) this.#onRestored(restored);
    } catch (error) {
      // The write may have succeeded nevertheless. Its repetition then reports no change.
      for (const userId of userIds) this.#toNotify.add(userId);
      throw error;
    }
    await this.#notify(userIds.filter((userId) => this.#toNotify.has(userId)));
  }

  async #notify(userIds: UserId[]): Promise<void> {
    const sent = userIds.map(async (userId) => {
      await this.#deps.publisher.publish(presenceChannel(userId), '');
      this.#toNotify.delete(userId);
    });
    const settled = await withDeadline(Promise.allSettled(sent), PUBLISH_DEADLINE_MS, 'presence publish');
    announced.inc(settled.filter(({ status }) => status === 'fulfilled').length);
    const failure = settled.find((outcome) => outcome.status === 'rejected');
    if (failure) throw failure.reason;
  }
}

export interface AnnouncerDeps {
  store: PresenceStore;
  publisher: Publisher;
  gateways: GatewayRegistry;
  logger: Logger;
}
