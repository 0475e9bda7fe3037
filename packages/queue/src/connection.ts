import type { RedisClient } from '@chat-cluster/redis';
import { createNodeRedisClient } from 'bullmq';
import { QUEUE_PREFIX } from './lanes.ts';

/** BullMQ on our node-redis client; all queues of a process share one (workers add a blocking connection per queue). */
export type QueueConnection = ReturnType<typeof createNodeRedisClient>;

export function queueConnection(client: RedisClient): QueueConnection {
  return createNodeRedisClient(client);
}

/** A Redis that has lanes. */
export interface QueueServer {
  client: RedisClient;
  connection: QueueConnection;
}

export function queueServer(client: RedisClient): QueueServer {
  return { client, connection: queueConnection(client) };
}

/** Lanes are spread over the servers in turn. */
export function serverOf(lane: number, servers: readonly QueueServer[]): QueueServer {
  const server = servers[lane % servers.length];
  if (!server) throw new Error('lanes need a server');
  return server;
}

/** What every queue and every worker is made with. Nobody reads BullMQ's event streams, so they are kept short. */
export function queueOptions(connection: QueueConnection) {
  return { connection, prefix: QUEUE_PREFIX, streams: { events: { maxLen: 100 } } };
}
