import type { PresenceAnnouncer, PresenceWatch } from '@chat-cluster/domain';
import type { Logger } from '@chat-cluster/runtime';
import type { RedisClient } from '../connection/connection.ts';
import type { Publisher, Subscriber } from '../pubsub/pubsub.ts';
import type { GatewayRegistry } from './gateway-registry.ts';
import { RedisPresenceAnnouncer } from './presence-announcer.ts';
import { createPresenceStore } from './presence-store.ts';
import { RedisPresenceWatch } from './presence-watch.ts';

export interface PresenceDeps {
  /** A single server: commands touch the keys of many users. May lose everything at any time. */
  cache: RedisClient;
  publisher: Publisher;
  subscriber: Subscriber;
  gateways: GatewayRegistry;
  logger: Logger;
  /** PRESENCE_GRACE_MS unless a test is in a hurry. */
  graceMs?: number;
}

export interface ClusterPresence {
  announcer: PresenceAnnouncer;
  watch: PresenceWatch;
  /** When the connections are closed and before the registry stops: takes back the users of this gateway. */
  stop(): Promise<void>;
}

/**
 * Who is online in the whole cluster, without a question to any other gateway and without Postgres:
 *
 *   a connection opens or ends ─▶ announcer ─write─▶ store (the cache Redis: which gateways hold the user)
 *                                     │                 ▲
 *                                     └─"look!"─▶ watch ┘ read ─▶ judge (with grace) ─▶ the watchers, on a change
 *                                     (a channel per user; only gateways with a watcher hear it)
 *
 * The heartbeat of all users of a gateway is its one lease in the registry.
 */
export function createPresence(deps: PresenceDeps): ClusterPresence {
  const { cache, gateways } = deps;
  const store = createPresenceStore(cache, gateways.id);
  const announcer = new RedisPresenceAnnouncer({ ...deps, store, redis: cache });
  const watch = new RedisPresenceWatch({ ...deps, store, redis: cache });
  return {
    announcer,
    watch,
    async stop() {
      watch.stop();
      await announcer.stop();
    },
  };
}
