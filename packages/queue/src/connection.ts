import type { RedisClient } from '@chat-cluster/redis';
import { createNodeRedisClient } from 'bullmq';
import { QUEUE_PREFIX } from './lanes.ts';

/** BullMQ on our node-redis client; all queues of a process share one (workers add a blocking connection per queue). */
export type QueueConnection = ReturnType<typeof createNodeRedisClient>;

export function queueConnection(client: RedisClient): QueueConnection {
  return createNodeRedisClient(client);
}

/** What every queue and every worker is made with. Nobody reads BullMQ's event streams, so they are kept short. */
export function queueOptions(connection: QueueConnection) {
  return { connection, prefix: QUEUE_PREFIX, streams: { events: { maxLen: 100 } } };
}
