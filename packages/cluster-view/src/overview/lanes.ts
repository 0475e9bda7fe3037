import type { LaneState } from '@chat-cluster/contracts';
import { inboxLane, type LaneServer, readLaneDepth, readLaneHolder, recountLane, serverOf } from '@chat-cluster/queue';
import { withDeadline } from '@chat-cluster/runtime';

/** Time limit for the commands about one lane, in ms. */
const DEADLINE_MS = 1_000;

export interface LaneNumbers {
  LANES: number;
  RECOUNT_LANES: number;
}

/** Reads the state of all lanes of the cluster from Redis, without the contents of batches. */
export function readLanes(servers: readonly LaneServer[], { LANES, RECOUNT_LANES }: LaneNumbers): Promise<LaneState[]> {
  const of = (count: number, nameOf: (laneNumber: number) => string) =>
    Array.from({ length: count }, (_, laneNumber) => readLane(nameOf(laneNumber), serverOf(laneNumber, servers)));
  return Promise.all([...of(LANES, inboxLane), ...of(RECOUNT_LANES, recountLane)]);
}

export async function readLane(lane: string, server: LaneServer): Promise<LaneState> {
  const read = Promise.all([readLaneDepth(server, lane), readLaneHolder(server, lane)]);
  try {
    const [depth, { holder, heldSince, givenUp }] = await withDeadline(read, DEADLINE_MS, lane);
    // A worker without a name holds the lane nevertheless.
    const worker = holder ?? (heldSince === undefined ? undefined : 'unnamed');
    return { lane, ...depth, givenUp, ...(worker && { worker }), ...(heldSince && { heldSince }) };
  } catch {
    return { lane, batches: 0, oldestMs: 0, givenUp: 0, fault: 'Its Redis does not respond' };
  }
}
