import type { LaneServer } from './lane-server.ts';
import { streamOf } from './lane-stream.ts';

/** How far behind a lane is. */
export interface LaneDepth {
  /** Its name: inboxQueue(n), recountQueue(n). */
  lane: string;
  /** Batches in its stream: those that wait, and those in hand, which stay there until they are done. */
  batches: number;
  /** Milliseconds since the oldest of them was appended, by the clock of Redis alone; 0 for an empty lane. */
  oldestMs: number;
}

/** Looks at lanes of one server, all in one round trip. Rejects when Redis does; set a deadline. */
export async function readLaneDepths({ client }: LaneServer, lanes: readonly string[]): Promise<LaneDepth[]> {
  const [[seconds = '0', microseconds = '0'], ...looks] = await Promise.all([
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
  return looks.map(({ lane, batches, oldest }) => ({
    lane,
    batches,
    oldestMs: oldest ? Math.max(0, now - millisecondsOf(oldest.id)) : 0,
  }));
}

/** An id of a stream is `<milliseconds of the epoch>-<n>`, by the clock of Redis. */
function millisecondsOf(id: string): number {
  return Number.parseInt(id, 10);
}
