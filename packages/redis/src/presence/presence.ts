import type { RedisClient } from '../connection/connection.ts';
import { type AnnouncerDeps, RedisPresenceAnnouncer } from './announcer.ts';
import { createPresenceStore } from './store.ts';
import { RedisPresenceWatch, type WatchDeps } from './watch.ts';

/**
 * The presence of all users in the cluster, without requests to other gateways and without Postgres:
 *
 *   a connection opens or ends ─▶ announcer ──write──▶ store (the cache Redis: which gateways hold each user)
 *                                     │                  ▲
 *                                     └─notify─▶ watch ──┘ read ─▶ nextPresence (with grace) ─▶ watchers, on a change
 *                                      (one channel per user; only gateways with a watcher of the user subscribe to it)
 *
 * Users have no heartbeat: the lease of their gateway in the registry covers all of them.
 */
export function createPresence(deps: PresenceDeps) {
  const store = createPresenceStore(deps.cache, deps.gateways.id);
  const announcer = new RedisPresenceAnnouncer({ ...deps, store });
  const watch = new RedisPresenceWatch({ ...deps, store });
  return {
    announcer,
    watch,
    /** Releases the users of this gateway. Call it after the connections are closed and before the registry stops. */
    async stop(): Promise<void> {
      watch.stop();
      await announcer.stop();
    },
  };
}

export interface PresenceDeps extends Omit<AnnouncerDeps & WatchDeps, 'store'> {
  /** Redis of the store. */
  cache: RedisClient;
}

export type ClusterPresence = ReturnType<typeof createPresence>;
