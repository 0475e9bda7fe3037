import { givenUpOf, streamOf } from '../lane-stream.ts';
import type { LaneServer } from '../lanes.ts';
import { leaseKeyOf } from './lane-lease.ts';

/** How far behind a lane is. */
export interface LaneDepth {
  lane: string;
  /** Batches in the lane's stream: those that wait and those in progress, which stay there until they are done. */
  batches: number;
  /** Milliseconds since the oldest batch was appended, by the clock of Redis alone; 0 for an empty lane. */
  oldestMs: number;
}

/** Reads the depths of lanes of one server, in one round trip. Rejects when Redis does; set a deadline. */
export async function readLaneDepths({ client }: LaneServer, lanes: readonly string[]): Promise<LaneDepth[]> {
  const [[seconds = '0', microseconds = '0'], ...depths] = await Promise.all([
    client.time(),
    ...lanes.map(async (lane) => {
      const [batches, first] = await Promise.all([
        client.xLen(streamOf(lane)),
        client.xRange(streamOf(lane), '-', '+', { COUNT: 1 }),
      ]);
      return { lane, batches, oldest: first?.[0] };
    }),
  ]);
  const now = Number(seconds) * 1_000 + Number(microseconds) / 1_000;
  return depths.map(({ lane, batches, oldest }) => ({
    lane,
    batches,
    oldestMs: oldest ? Math.max(0, now - millisecondsOf(oldest.id)) : 0,
  }));
}

/** The id of a stream entry is `<milliseconds of the epoch>-<n>`, by the clock of Redis. */
function millisecondsOf(id: string): number {
  return Number.parseInt(id, 10);
}

/** Which worker holds a lane. */
export interface LaneHolder {
  lane: string;
  /** Name of the worker that holds the lane; absent when no worker holds it, or its holder has no name. */
  holder?: string;
  /** When the holder took it, in ms of the epoch by its own clock; absent while no worker holds it. */
  heldSince?: number;
  /** Batches that were given up and are not kept as dead letters yet. */
  givenUp: number;
}

/** Reads the holders of lanes of one server, in one round trip. Rejects when Redis does; set a deadline. */
export function readLaneHolders({ client }: LaneServer, lanes: readonly string[]): Promise<LaneHolder[]> {
  return Promise.all(
    lanes.map(async (lane) => {
      const lease = leaseKeyOf(lane);
      const [isHeld, [holder, since], givenUp] = await Promise.all([
        client.exists(`${lease}:lock`),
        // Fields of a BullMQ job: the name of its last worker, and when that took it.
        client.hmGet(lease, ['pb', 'processedOn']),
        client.lLen(givenUpOf(lane)),
      ]);
      if (isHeld === 0) return { lane, givenUp };
      return { lane, givenUp, ...(holder ? { holder } : {}), ...(since ? { heldSince: Number(since) } : {}) };
    }),
  );
}
