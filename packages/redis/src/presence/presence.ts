import type { PresenceAnnouncer, PresenceWatch } from '@chat-cluster/domain';
import type { Logger } from '@chat-cluster/runtime';
import type { RedisClient } from '../connection/connection.ts';
import type { Publisher, Subscriber } from '../pubsub/pubsub-port.ts';
import { RedisPresenceAnnouncer } from './announcer.ts';
import type { GatewayRegistry } from './gateway-registry.ts';
import { createPresenceStore } from './store.ts';
import { RedisPresenceWatch } from './watch.ts';

/**
 * The presence of all users in the cluster, without requests to other gateways and without Postgres:
 *
 *   a connection opens or ends ─▶ announcer ──write──▶ store (the cache Redis: which gateways hold each user)
 *                                     │                  ▲
 *                                     └─notify─▶ watch ──┘ read ─▶ nextPresence (with grace) ─▶ watchers, on a change
 *                                      (one channel per user; only gateways with a watcher of the user subscribe to it)
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

export interface PresenceDeps {
  /** A single server, because commands touch the keys of many users. It may lose all data at any time. */
  cache: RedisClient;
  publisher: Publisher;
  subscriber: Subscriber;
  gateways: GatewayRegistry;
  logger: Logger;
  /** Default: PRESENCE_GRACE_MS. Tests use a shorter time. */
  graceMs?: number;
}

export interface ClusterPresence {
  announcer: PresenceAnnouncer;
  watch: PresenceWatch;
  /** Releases the users of this gateway. Call it after the connections are closed and before the registry stops. */
  stop(): Promise<void>;
}
