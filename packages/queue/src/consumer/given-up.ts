import type { RedisClient } from '@chat-cluster/redis';
import { givenUpOf, parseBatch } from '../lane-stream.ts';

/** A batch that was given up: processing it failed, or too many workers ended while they processed it. */
export interface GivenUpBatch {
  reason: string;
  /** Number of workers that tried to process it. */
  attempts: number;
  /** The parsed batch; its text if the text is not JSON. */
  data: unknown;
}

/** Batches read from Redis at a time. */
const PAGE = 50;

/**
 * Passes the given-up batches of a lane to `keep`, oldest first, and deletes each one afterwards. `keep` must be
 * idempotent: if the process dies between the two steps, the batch is passed again, and two workers may pass the same
 * batch. Rejects when `keep` or Redis does; the remaining batches stay for the next sweep.
 */
export async function sweepGivenUp(
  client: RedisClient,
  lane: string,
  keep: (batches: GivenUpBatch[]) => Promise<void>,
): Promise<void> {
  for (;;) {
    const entries = await client.lRange(givenUpOf(lane), 0, PAGE - 1);
    if (entries.length === 0) return;
    for (const entry of entries) {
      await keep([read(entry)]);
      await client.lRem(givenUpOf(lane), 1, entry);
    }
  }
}

function read(entry: string): GivenUpBatch {
  const { text, ...cause } = JSON.parse(entry) as { reason: string; attempts: number; text: string };
  const data = parseBatch(text);
  return { ...cause, data: data === undefined ? text : data };
}
