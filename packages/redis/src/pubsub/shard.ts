import type { EventEmitter } from 'node:events';
import { disconnectRedis, type RedisClient } from '../connection/connection.ts';

/** The servers that share the pub/sub channels: one, or those of a Redis Cluster. */
export interface Shards {
  readonly isOpen: boolean;
  readonly events: EventEmitter<ShardEvents>;
  /** Calls `listener` when channels have moved to another server, also to one that replaced their server. */
  onMoved(listener: () => void): void;
  /** Undefined while no server is known to have the channel. */
  of(channel: string): Shard | undefined;
  all(): Shard[];
  /** Reads again which server has which channels. Call it after a redirection. Never rejects. */
  refresh(): Promise<void>;
  close(): Promise<void>;
}

/** The connections of this process to one server that has pub/sub channels. */
export interface Shard {
  publish: RedisClient;
  /** Absent in a process that only publishes. */
  subscribe: RedisClient | undefined;
}

/**
 * `moved`: channels of a Redis Cluster have moved to another of its servers. `evicted`: a server has ended the
 * subscription of a channel that moved away from it. `back`: the subscriptions at a server are restored after its
 * connection was lost. `pulse`: a server has stopped or started to respond.
 */
export interface ShardEvents {
  moved: [];
  evicted: [channel: string];
  back: [];
  pulse: [];
}

export async function closeShard({ publish, subscribe }: Shard): Promise<void> {
  await Promise.all([disconnectRedis(publish), subscribe && disconnectRedis(subscribe)]);
}

/** Whether a server of a Redis Cluster has rejected a command because it does not have the channel. */
export function isRedirection(error: unknown): boolean {
  return error instanceof Error && /^(MOVED|CLUSTERDOWN)/.test(error.message);
}
