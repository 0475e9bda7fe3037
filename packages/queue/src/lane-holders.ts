import { Queue } from 'bullmq';
import { LEASE } from './lane-lease.ts';
import type { LaneServer } from './lane-server.ts';
import { givenUpOf } from './lane-stream.ts';
import { QUEUE_PREFIX } from './lanes.ts';
import { type QueueServer, queueOptions } from './queue-server.ts';

/** Who serves a lane. */
export interface LaneHolder {
  /** Its name: inboxQueue(n), recountQueue(n). */
  lane: string;
  /** Name of the worker that has the lane; absent: nobody, or one that did not tell its name. */
  holder?: string;
  /** Since when, in milliseconds of the epoch by the clock of its holder; absent as long as nobody has it. */
  heldSince?: number;
  /** Batches that were given up and are still to be kept as dead letters. */
  givenUp: number;
}

/** Looks who has the lanes of one server, in one round trip. Rejects when Redis does; set a deadline. */
export function readLaneHolders({ client }: LaneServer, lanes: readonly string[]): Promise<LaneHolder[]> {
  return Promise.all(
    lanes.map(async (lane) => {
      const lease = `${QUEUE_PREFIX}:${lane}:${LEASE}`;
      const [isHeld, [holder, since], givenUp] = await Promise.all([
        client.exists(`${lease}:lock`),
        // Fields of a BullMQ job: who took it last, and when.
        client.hmGet(lease, ['pb', 'processedOn']),
        client.lLen(givenUpOf(lane)),
      ]);
      if (isHeld === 0) return { lane, givenUp };
      return { lane, givenUp, ...(holder ? { holder } : {}), ...(since ? { heldSince: Number(since) } : {}) };
    }),
  );
}

/** BullMQ's queue of a lane, to look at: its only job is the lease. Close it when it is no longer needed. */
export function leaseQueue(server: QueueServer, lane: string): Queue {
  const queue = new Queue(lane, { ...queueOptions(server), skipMetasUpdate: true });
  queue.on('error', () => {});
  return queue;
}
