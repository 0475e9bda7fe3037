import type { Logger } from '@chat-cluster/runtime';
import { connectRedis, disconnectRedis, type RedisClient } from '../connection/connection.ts';
import { ClusterShards } from './cluster-shards.ts';

/** The connections of this process to one server that has pub/sub channels. */
export interface Shard {
  publish: RedisClient;
  /** Absent in a process that only publishes. */
  subscribe: RedisClient | undefined;
}

/** The servers that share the channels of pub/sub, and which of them has which: one, or those of a Redis Cluster. */
export interface Shards {
  readonly isOpen: boolean;
  /** Undefined while nobody is known to have the channel. */
  of(channel: string): Shard | undefined;
  all(): Shard[];
  /** Asks the servers which of them has what; to be called when one says that it is not the one. Never rejects. */
  refresh(): Promise<void>;
  on(event: ShardEvent, listener: () => void): void;
  /** Calls `listener` when a server has ended the subscription of a channel, because the channel is no longer its own. */
  onEvicted(listener: (channel: string) => void): void;
  close(): Promise<void>;
}

/**
 * `moved`: channels have another server than before. `back`: the subscriptions at a server are back after its
 * connection was lost. `pulse`: a server has stopped or begun to answer.
 */
export type ShardEvent = 'moved' | 'back' | 'pulse';
export type ShardRole = 'publish' | 'subscribe';

/** Waits for the server, or for those of the cluster. `connect`: gives the connection to one server, to be closed by its owner. */
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

export async function closeShard({ publish, subscribe }: Shard): Promise<void> {
  await Promise.all([disconnectRedis(publish), ...(subscribe ? [disconnectRedis(subscribe)] : [])]);
}

export function isClusterUrl(url: string): boolean {
  return /^rediss?\+cluster:/.test(url);
}
