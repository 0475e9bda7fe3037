import type { UserId } from '@chat-cluster/contracts';
import type { PresenceAnnouncer } from '@chat-cluster/domain';
import { type Logger, withDeadline } from '@chat-cluster/runtime';
import { Counter, Gauge } from 'prom-client';
import type { RedisClient } from '../connection/connection.ts';
import type { Publisher } from '../pubsub/pubsub.ts';
import type { GatewayRegistry } from './gateway-registry.ts';
import { type PresenceStore, presenceChannel } from './presence-store.ts';
import { RetryingKeySet, rounds } from './retrying-key-set.ts';

const present = new Gauge({ name: 'chat_presence_users', help: 'Users with a connection in this process' });
const announced = new Counter({
  name: 'chat_presence_announced_total',
  help: 'Times that the watchers of a user were asked to look: came to a gateway, or left it',
});

/** Each entry is written again once in so long: it heals what a cache lost, and keeps entries from expiring. */
export const REFRESH_MS = 60_000;
const PUBLISH_DEADLINE_MS = 2_000;
/** How long a clean stop waits for the last users to be taken back; the end of the lease says the same a little later. */
const STOP_DEADLINE_MS = 1_000;
/** Users who left while Redis was away, that are remembered; the entries of others end by their TTL. */
const MAX_LEFT_BEHIND = 100_000;

export interface AnnouncerDeps {
  store: PresenceStore;
  /** The connection of the store. */
  redis: RedisClient;
  publisher: Publisher;
  gateways: Pick<GatewayRegistry, 'onForgotten'>;
  logger: Logger;
}

/**
 * Keeps what Redis says of this gateway's users the same as what is true here. Each change marks its user; marked users
 * are compared with the truth of that moment and written, hundreds at once, then their watchers are asked to look.
 * A user who drops and returns between two writes costs nothing, and a storm of connects a command per 500 users.
 *
 * The lease of the gateway is the heartbeat of all its users. What Redis may have lost (the connection is back, the
 * lease was forgotten) is written again at once, everything else in slow rounds.
 */
export class RedisPresenceAnnouncer implements PresenceAnnouncer {
  #deps: AnnouncerDeps;
  /** Connections by user. */
  #held = new Map<UserId, number>();
  /** Written, or perhaps written, but their watchers were not asked to look yet. */
  #untold = new Set<UserId>();
  #marks: RetryingKeySet<UserId>;
  #endRounds: () => void;

  constructor(deps: AnnouncerDeps) {
    this.#deps = deps;
    this.#marks = new RetryingKeySet(
      (userIds) => this.#write(userIds),
      (error, attempt) => {
        if (attempt === 1) deps.logger.warn({ reason: String(error) }, 'presence: not announced, trying again');
      },
    );
    this.#endRounds = rounds(this.#held, REFRESH_MS, (userId) => this.#marks.add(userId));
    deps.redis.on('ready', () => this.#markAll());
    deps.gateways.onForgotten(() => {
      // Others took this gateway for gone: their watchers must look, whether entries are missing or not.
      for (const userId of this.#held.keys()) this.#untold.add(userId);
      this.#markAll();
    });
  }

  hold(userId: UserId): void {
    const count = this.#held.get(userId) ?? 0;
    this.#held.set(userId, count + 1);
    if (count > 0) return;
    present.inc();
    this.#marks.add(userId);
  }

  release(userId: UserId): void {
    const count = this.#held.get(userId) ?? 0;
    if (count > 1) {
      this.#held.set(userId, count - 1);
    } else if (this.#held.delete(userId)) {
      present.dec();
      if (this.#marks.size < this.#held.size + MAX_LEFT_BEHIND) this.#marks.add(userId);
    }
  }

  /** Call it when the connections are closed. */
  async stop(): Promise<void> {
    this.#endRounds();
    await withDeadline(this.#marks.idle(), STOP_DEADLINE_MS, 'presence').catch(() => {});
    this.#marks.stop();
  }

  #markAll(): void {
    for (const userId of this.#held.keys()) this.#marks.add(userId);
  }

  async #write(userIds: UserId[]): Promise<void> {
    const { held = [], released = [] } = Object.groupBy(userIds, (id) => (this.#held.has(id) ? 'held' : 'released'));
    // Also when no entry is left to take back: a wipe of Redis took it, and the watchers do not know yet.
    for (const userId of released) this.#untold.add(userId);
    try {
      for (const userId of await this.#deps.store.write(held, released)) this.#untold.add(userId);
    } catch (error) {
      // It may have been written all the same, and then would not be news the next time.
      for (const userId of userIds) this.#untold.add(userId);
      throw error;
    }
    await this.#tell(userIds.filter((userId) => this.#untold.has(userId)));
  }

  async #tell(userIds: UserId[]): Promise<void> {
    const sent = userIds.map(async (userId) => {
      await this.#deps.publisher.publish(presenceChannel(userId), '');
      this.#untold.delete(userId);
    });
    const settled = await withDeadline(Promise.allSettled(sent), PUBLISH_DEADLINE_MS, 'presence publish');
    announced.inc(settled.filter(({ status }) => status === 'fulfilled').length);
    const failure = settled.find((outcome) => outcome.status === 'rejected');
    if (failure) throw failure.reason;
  }
}
