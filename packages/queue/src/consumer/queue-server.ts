import { CLUSTER_NAME, type RedisClient } from '@chat-cluster/redis';
import { createNodeRedisClient, Queue, type Telemetry } from 'bullmq';
import type { LaneServer } from '../lanes.ts';

/** A Redis server that has lanes, as a worker uses it: workers compete for the lanes through BullMQ. */
export interface QueueServer extends LaneServer {
  /** BullMQ's connection. All queues of a process share it; each lane's consumer adds one blocking connection. */
  connection: ReturnType<typeof createNodeRedisClient>;
  /** Traces of BullMQ (lane-telemetry.ts). */
  telemetry?: Telemetry | undefined;
}

/**
 * `client` carries the commands of the lanes. `bullmqClient` carries those of BullMQ, which needs role `consume`: its
 * commands wait while Redis is away.
 */
export function queueServer(
  client: RedisClient,
  bullmqClient: RedisClient = client,
  telemetry?: Telemetry | undefined,
): QueueServer {
  const connection = createNodeRedisClient(bullmqClient);
  // The client's own listener logs errors. An emitter without a listener would end the process.
  connection.on('error', () => {});
  return { client, connection, telemetry };
}

/** Options of every BullMQ queue and worker. No process reads BullMQ's event streams, so they are kept short. */
export function queueOptions({ connection, telemetry }: QueueServer) {
  return { connection, prefix: CLUSTER_NAME, streams: { events: { maxLen: 100 } }, ...(telemetry && { telemetry }) };
}

/** A BullMQ queue, read-only, for Bull Board: of a lane, whose only job is the lease, or of jobs. The caller closes it. */
export function readOnlyQueue(server: QueueServer, name: string): Queue {
  const queue = new Queue(name, { ...queueOptions(server), skipMetasUpdate: true });
  queue.on('error', () => {});
  return queue;
}
