import { setTimeout as delay } from 'node:timers/promises';
import type { DirtyBadge } from '@chat-cluster/domain';
import type { RedisClient } from '@chat-cluster/redis';
import { type Logger, retry } from '@chat-cluster/runtime';
import type { LaneHold } from '../consumer/lane-lease.ts';
import { addDirty, dirtySet, fromMember, takenSet } from './recount-requests.ts';

type Recount = (badges: DirtyBadge[]) => Promise<void>;

/**
 * Passes the dirty badges of a recount lane to `recount` and deletes them afterwards. The set is renamed first: badges
 * added meanwhile belong to the next run, and the badges of a run that died are found by the next one. One lane must
 * not have two runs at a time; the lane guarantees that.
 *
 * If `recount` rejects, because Postgres or Redis is away, it is repeated in place with jittered back-off from 50 ms to
 * 2 s: no badge may stay wrong. When `signal` aborts, the badges are left to the next run of any worker. A process that
 * was paused may send stale counts: if its lane is lost, the badges are counted again. Without `hold`, the caller
 * ensures that no other process has the lane.
 */
export async function recountDirtyBadges(
  client: RedisClient,
  laneNumber: number,
  recount: Recount,
  { hold = ALWAYS_HELD, logger, signal }: { hold?: LaneHold; logger?: Logger; signal?: AbortSignal } = {},
): Promise<void> {
  const started = performance.now();
  const onFailure = (error: unknown, attempt: number) => {
    if (attempt % LOG_EVERY === 0 && !signal?.aborted)
      logger?.warn({ lane: laneNumber, attempt, reason: String(error) }, 'recount: failed, retrying');
  };
  const options = { minMs: 50, maxMs: 2_000, onFailure, ...(signal && { signal }) };
  try {
    let hasMore = true;
    while (hasMore) hasMore = await retry(() => recountOnce(client, laneNumber, recount, hold), options);
    await delay(restAfter(performance.now() - started), undefined, signal ? { signal } : {});
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
}

/** Number of failed attempts per warning: one warning in about a minute. */
const LOG_EVERY = 30;

const ALWAYS_HELD: LaneHold = { held: async () => true };

/** Resolves with true when there may be more: a set left by a run that died is recounted before the dirty set. */
async function recountOnce(
  client: RedisClient,
  laneNumber: number,
  recount: Recount,
  hold: LaneHold,
): Promise<boolean> {
  const taken = await client.eval(TAKE, { keys: [dirtySet(laneNumber), takenSet(laneNumber)] });
  if (!Array.isArray(taken)) return false;
  const [leftover, ...members] = taken.map(String);
  await recount(members.map(fromMember));
  if (!(await hold.held())) {
    // The taken set belongs to another worker now.
    await addDirty(client, laneNumber, members);
    return false;
  }
  await client.del(takenSet(laneNumber));
  return leftover === '1';
}

/**
 * KEYS: dirty set, taken set. Makes the dirty set the taken set, unless a run that died left a taken set. Returns nil
 * when both are empty; otherwise '1' if the set was left by such a run, '0' if not, and the taken members.
 * Guarantee: a member is always in one of the two sets until the taken set is deleted.
 */
const TAKE = `
local left = redis.call('EXISTS', KEYS[2])
if left == 0 then
  if redis.call('EXISTS', KEYS[1]) == 0 then return nil end
  redis.call('RENAME', KEYS[1], KEYS[2])
end
local members = redis.call('SMEMBERS', KEYS[2])
table.insert(members, 1, tostring(left))
return members`;

/**
 * Pause of a lane after a recount, in ms, so that a burst shares the next one: four times the duration of the recount,
 * so recounts of up to 62 ms take at most a fifth of a lane's time. The first badge after a pause is never delayed.
 */
const REST = { times: 4, minMs: 50, maxMs: 250 };

function restAfter(durationMs: number): number {
  return Math.min(REST.maxMs, Math.max(REST.minMs, REST.times * durationMs));
}
