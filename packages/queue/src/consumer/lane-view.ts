import { givenUpOf, streamOf } from '../lane-stream.ts';
import type { LaneServer } from '../lanes.ts';
import { leaseKeyOf } from './lane-lease.ts';

/** How far behind a lane is. */
export interface LaneDepth {
  /** Batches in the lane's stream: those that wait and those in progress, which stay there until they are done. */
  batches: number;
  /** Milliseconds since the oldest batch was appended, by the clock of Redis alone; 0 for an empty lane. */
  oldestMs: number;
}

/** KEYS: stream. Returns the fields of LaneDepth. The id of a stream entry begins with its time in ms. */
const READ_DEPTH = `
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if not first then return {0, 0} end
local now = redis.call('TIME')
local age = now[1] * 1000 + now[2] / 1000 - string.match(first[1], '^%d+')
return {redis.call('XLEN', KEYS[1]), math.max(0, age)}`;

/** Reads the depth of a lane. Rejects when Redis does; set a deadline. */
export async function readLaneDepth({ client }: LaneServer, lane: string): Promise<LaneDepth> {
  const [batches, oldestMs] = (await client.eval(READ_DEPTH, { keys: [streamOf(lane)], arguments: [] })) as number[];
  return { batches: Number(batches), oldestMs: Number(oldestMs) };
}

/** Which worker holds a lane. */
export interface LaneHolder {
  /** Name of the worker that holds the lane; absent when no worker holds it, or its holder has no name. */
  holder?: string;
  /** When the holder took it, in ms of the epoch by its own clock; absent while no worker holds it. */
  heldSince?: number;
  /** Batches that were given up and are not kept as dead letters yet. */
  givenUp: number;
}

/** Reads the holder of a lane. Rejects when Redis does; set a deadline. */
export async function readLaneHolder({ client }: LaneServer, lane: string): Promise<LaneHolder> {
  const lease = leaseKeyOf(lane);
  const [isHeld, [holder, since], givenUp] = await Promise.all([
    client.exists(`${lease}:lock`),
    // Fields of a BullMQ job: the name of its last worker, and when that took it.
    client.hmGet(lease, ['pb', 'processedOn']),
    client.lLen(givenUpOf(lane)),
  ]);
  if (isHeld === 0) return { givenUp };
  return { givenUp, ...(holder ? { holder } : {}), ...(since ? { heldSince: Number(since) } : {}) };
}
