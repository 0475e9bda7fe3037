import type { RedisClient } from '@chat-cluster/redis';
import { createNodeRedisClient } from 'bullmq';

/** BullMQ on our node-redis client; all queues of a process share one (workers add a blocking connection per queue). */
export type QueueConnection = ReturnType<typeof createNodeRedisClient>;

export function queueConnection(client: RedisClient): QueueConnection {
  return createNodeRedisClient(client);
}
