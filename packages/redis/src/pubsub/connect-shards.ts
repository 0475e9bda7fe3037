import type { Logger } from '@chat-cluster/runtime';
import { connectRedis, type RedisClient } from '../connection/connection.ts';
import { ClusterShards } from './cluster-shards.ts';
import { isClusterUrl } from './cluster-url.ts';
import { closeShard, type Shard, type ShardRole, type Shards } from './shard.ts';

/**
 * Connects to the server of the URL, or to the servers of a Redis Cluster, and waits for them. `connect` provides the
 * connection to a single server, whose owner closes it.
 */
export async function connectShards(
  url: string,
  roles: readonly ShardRole[],
  logger: Logger,
  connect?: (url: string) => Promise<RedisClient>,
): Promise<Shards> {
  if (isClusterUrl(url)) return ClusterShards.connect(url, roles, logger);
  const publish = await (connect ? connect(url) : connectRedis(url, 'publish', logger));
  const subscribe = roles.includes('subscribe') ? await connectRedis(url, 'subscribe', logger) : undefined;
  const shard: Shard = { publish, subscribe };
  return {
    get isOpen() {
      return publish.isOpen;
    },
    of: () => shard,
    all: () => [shard],
    refresh: async () => {},
    on(event, listener) {
      if (event === 'moved') publish.onMoved(listener);
      // The client is ready again when Redis has confirmed every subscription.
      else if (event === 'back') subscribe?.on('ready', listener);
      else subscribe?.pulse.onChange(listener);
    },
    onEvicted() {},
    close: () => (connect ? Promise.resolve() : closeShard(shard)),
  };
}
