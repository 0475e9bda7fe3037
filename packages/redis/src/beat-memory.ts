import type { StoreEpoch } from '@chat-cluster/contracts';
import type { BeatMemory } from '@chat-cluster/domain';
import { withDeadline } from '@chat-cluster/runtime';
import { CLUSTER_NAME } from './cluster-name.ts';
import type { RedisClient } from './connection/connection.ts';

/** Sorted set: the highest number of beats of each epoch. A renewal adds a member, so there are few. */
const KEY = `${CLUSTER_NAME}:store-beats`;
/** Time limit for an answer of Redis, in ms. */
const DEADLINE_MS = 1_000;

/** The numbers of beats in Redis. A restore of Postgres does not change them, so they show it. */
export function createBeatMemory(client: RedisClient): BeatMemory {
  return {
    async seen() {
      const members = await withDeadline(client.zRangeWithScores(KEY, 0, -1), DEADLINE_MS, 'beats');
      return new Map(members.map(({ value, score }) => [value as StoreEpoch, score]));
    },
    async note({ epoch, beats }) {
      const added = client.zAdd(KEY, { score: beats, value: epoch }, { comparison: 'GT' });
      await withDeadline(added, DEADLINE_MS, 'beats');
    },
  };
}
