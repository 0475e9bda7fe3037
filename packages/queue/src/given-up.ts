import type { RedisClient } from '@chat-cluster/redis';
import { givenUpOf } from './lane-stream.ts';

/** A batch that was given up: its processing threw, or it lost too many workers. */
export interface GivenUpBatch {
  reason: string;
  /** How often it was taken. */
  attempts: number;
  /** Parsed; of one that is no JSON, its text. */
  data: unknown;
}

const SHARE = 50;

/**
 * Hands what a lane gave up to `keep`, the first first, and forgets it. A process that dies between the two has it
 * handed over again, and two workers may do so at once: `keep` must not mind. Rejects when `keep` or Redis does; what
 * is left waits for the next sweep.
 */
export async function sweepGivenUp(
  client: RedisClient,
  lane: string,
  keep: (jobs: GivenUpBatch[]) => Promise<void>,
): Promise<void> {
  for (;;) {
    const entries = await client.lRange(givenUpOf(lane), 0, SHARE - 1);
    if (entries.length === 0) return;
    for (const entry of entries) {
      await keep([read(entry)]);
      await client.lRem(givenUpOf(lane), 1, entry);
    }
  }
}

function read(entry: string): GivenUpBatch {
  const { reason, attempts, text } = JSON.parse(entry) as { reason: string; attempts: number; text: string };
  return { reason, attempts, data: parsed(text) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
