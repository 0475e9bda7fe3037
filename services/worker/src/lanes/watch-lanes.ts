import { type LaneShare, readLaneDepth } from '@chat-cluster/queue';
import { every, withDeadline } from '@chat-cluster/runtime';
import { Gauge } from 'prom-client';
import type { PlacedLane } from './place-lanes.ts';

const EVERY_MS = 2_000;
const DEADLINE_MS = 1_500;

/**
 * Reads the depths of all lanes regularly, so that no scrape waits for Redis. A lane that cannot be read is removed
 * from the metrics: a stale value would look like a healthy lane.
 */
export function watchLanes(lanes: readonly PlacedLane[]): { stop(): void } {
  const readings = every(EVERY_MS, () => Promise.all(lanes.map(showDepth)));
  readings.now();
  return { stop: () => void readings.stop() };
}

async function showDepth({ lane, server }: PlacedLane): Promise<void> {
  try {
    const { batches, oldestMs } = await withDeadline(readLaneDepth(server, lane), DEADLINE_MS, lane);
    depth.set({ lane }, batches);
    oldest.set({ lane }, oldestMs / 1_000);
  } catch {
    depth.remove({ lane });
    oldest.remove({ lane });
  }
}

/** Wraps a share: shows in the metrics whether this worker holds the lane. */
export function withShareGauge(lane: string, share: LaneShare): LaneShare {
  heldHere.set({ lane }, 0);
  return {
    shouldLeaveLane: () => share.shouldLeaveLane(),
    laneTaken() {
      heldHere.set({ lane }, 1);
      share.laneTaken();
    },
    laneLeft() {
      heldHere.set({ lane }, 0);
      share.laneLeft();
    },
  };
}

const depth = new Gauge({
  name: 'chat_lane_depth',
  help: 'Batches in a lane, waiting or in progress; every worker shows all lanes',
  labelNames: ['lane'],
});
const oldest = new Gauge({
  name: 'chat_lane_oldest_age_seconds',
  help: 'Age of the oldest batch in a lane, 0 when the lane is empty; every worker shows all lanes',
  labelNames: ['lane'],
});
const heldHere = new Gauge({
  name: 'chat_lane_held',
  help: '1 for a lane that this worker holds, 0 for a lane that it competes for',
  labelNames: ['lane'],
});
