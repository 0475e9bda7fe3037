import type { RedisClient } from '@chat-cluster/redis';
import { createNodeRedisClient, type Telemetry } from 'bullmq';
import type { LaneServer } from './lane-server.ts';
import { QUEUE_PREFIX } from './lanes.ts';

/** BullMQ on our node-redis client; all queues of a process share one (workers add a blocking connection per queue). */
export type QueueConnection = ReturnType<typeof createNodeRedisClient>;

export function queueConnection(client: RedisClient): QueueConnection {
  const connection = createNodeRedisClient(client);
  // The client's own listener logs them; an emitter without one would end the process.
  connection.on('error', () => {});
  return connection;
}

/** A Redis that has lanes, for a worker, which competes for the lanes by BullMQ. */
export interface QueueServer extends LaneServer {
  connection: QueueConnection;
  /** Of BullMQ, see lane-telemetry.ts. */
  telemetry?: Telemetry | undefined;
}

/** `client` carries out what belongs to lanes; `patient`, of role `consume`, is what BullMQ needs. */
export function queueServer(
  client: RedisClient,
  patient: RedisClient = client,
  telemetry?: Telemetry | undefined,
): QueueServer {
  return { client, connection: queueConnection(patient), telemetry };
}

/** What every queue and every worker is made with. Nobody reads BullMQ's event streams, so they are kept short. */
export function queueOptions({ connection, telemetry }: QueueServer) {
  return { connection, prefix: QUEUE_PREFIX, streams: { events: { maxLen: 100 } }, ...(telemetry && { telemetry }) };
}
