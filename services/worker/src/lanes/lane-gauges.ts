import { type QueueServer, readLaneDepths, type Share, serverOf } from '@chat-cluster/queue';
import { withDeadline } from '@chat-cluster/runtime';
import { Gauge } from 'prom-client';

const EVERY_MS = 2_000;
const DEADLINE_MS = 1_500;

const depth = new Gauge({
  name: 'chat_lane_depth',
  help: 'Batches in a lane, in hand or waiting; every worker shows all lanes',
  labelNames: ['lane'],
});
const oldest = new Gauge({
  name: 'chat_lane_oldest_age_seconds',
  help: 'Age of the oldest batch in a lane, 0 when it is empty; every worker shows all lanes',
  labelNames: ['lane'],
});
const heldHere = new Gauge({
  name: 'chat_lane_held',
  help: '1 for a lane that this worker serves, 0 for one that it would serve',
  labelNames: ['lane'],
});

/**
 * Looks at all lanes now and then, so that no scrape waits for Redis. What can not be read is no longer shown: an old age
 * would look like a healthy lane.
 */
export function watchLanes(servers: readonly QueueServer[], queueOf: (lane: number) => string, lanes: number) {
  const names = servers.map((server) =>
    Array.from({ length: lanes }, (_, lane) => lane)
      .filter((lane) => serverOf(lane, servers) === server)
      .map(queueOf),
  );
  let looking = false;
  const look = async () => {
    if (looking) return;
    looking = true;
    await Promise.all(servers.map((server, i) => show(server, names[i] ?? [])));
    looking = false;
  };
  void look();
  const timer = setInterval(look, EVERY_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

async function show(server: QueueServer, lanes: readonly string[]): Promise<void> {
  try {
    for (const { lane, batches, oldestMs } of await withDeadline(readLaneDepths(server, lanes), DEADLINE_MS, 'lanes')) {
      depth.set({ lane }, batches);
      oldest.set({ lane }, oldestMs / 1_000);
    }
  } catch {
    for (const lane of lanes) {
      depth.remove({ lane });
      oldest.remove({ lane });
    }
  }
}

/** The same share, which shows whether the lane is held here. */
export function withShareGauge(lane: string, share: Share): Share {
  heldHere.set({ lane }, 0);
  return {
    isTooLarge: () => share.isTooLarge(),
    got() {
      heldHere.set({ lane }, 1);
      share.got();
    },
    left() {
      heldHere.set({ lane }, 0);
      share.left();
    },
  };
}
