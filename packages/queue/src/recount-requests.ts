import { setTimeout as delay } from 'node:timers/promises';
import type { DirtyBadge, RecountRequests } from '@chat-cluster/domain';
import type { RedisClient } from '@chat-cluster/redis';
import { backoff, type Logger, withDeadline } from '@chat-cluster/runtime';
import { Queue } from 'bullmq';
import { type QueueServer, queueOptions, serverOf } from './connection.ts';
import type { LaneHold } from './lane-job.ts';
import { laneOf, QUEUE_PREFIX, recountQueue } from './lanes.ts';

/**
 * Recount lanes, by user. Who is to be recounted stands in a Redis set per lane, so requests coalesce by themselves;
 * the lane's job only says that there is something in the set. A run takes the whole set.
 *
 * Only the request that finds the set empty wakes the lane: while the set holds something, a wake-up is on its way. No
 * request waits for it, and one that is lost is made up for by the sweep of any worker within SWEEP_MS.
 *
 * Lanes of several servers do not wait for each other: a request for a lane whose server is away, while there are
 * others, counts as made, and `onMissed` is called when that server is back. Every badge is to be told anew then.
 */
export function createRecountRequests(
  servers: readonly QueueServer[],
  lanes: number,
  onMissed: () => void = () => {},
): RecountRequests & { close(): Promise<void> } {
  const clientOf = (lane: number) => serverOf(lane, servers).client;
  const queues = Array.from({ length: lanes }, (_, lane) => {
    const queue = new Queue(recountQueue(lane), queueOptions(serverOf(lane, servers).connection));
    queue.on('error', () => {});
    return queue;
  });
  const wake = async (lane: number) => {
    // A run under way may have taken the set already, so a wake-up during it makes one more run behind it.
    const deduplication = { id: 'recount', keepLastIfActive: true };
    await queues[lane]?.add('recount', {}, { deduplication, removeOnComplete: true, removeOnFail: true });
  };
  const sweep = setInterval(() => {
    for (let lane = 0; lane < lanes; lane++) {
      clientOf(lane)
        .exists([dirtySet(lane), takenSet(lane)])
        .then((sets) => (sets > 0 ? wake(lane) : undefined))
        .catch(() => {});
    }
  }, SWEEP_MS);
  sweep.unref();
  const missed = new Set<RedisClient>();
  for (const { client } of servers) {
    client.pulse.onChange((answers) => {
      if (answers && missed.delete(client)) onMissed();
    });
  }
  return {
    async request(badges) {
      const byLane = Map.groupBy(badges, (badge) => laneOf(badge.userId, lanes));
      await Promise.all(
        [...byLane].map(async ([lane, dirty]) => {
          const client = clientOf(lane);
          if (servers.length > 1 && !client.pulse.answers) {
            missed.add(client);
            return;
          }
          if (await note(client, lane, dirty.map(toMember))) wake(lane).catch(() => {});
        }),
      );
    },
    async close() {
      clearInterval(sweep);
      // Nothing is under way that must not be lost: who is dirty stands in Redis.
      await withDeadline(Promise.all(queues.map((queue) => queue.close())), CLOSE_MS, 'queues').catch(() => {});
    },
  };
}

const SWEEP_MS = 1_000;
const CLOSE_MS = 500;

/** KEYS[1]: the dirty set. ARGV: members. Adds them; returns 1 when the set was empty before, else 0. */
const NOTE = `
local empty = redis.call('EXISTS', KEYS[1]) == 0
redis.call('SADD', KEYS[1], unpack(ARGV))
return empty and 1 or 0`;

async function note(client: RedisClient, lane: number, members: string[]): Promise<boolean> {
  return (await client.eval(NOTE, { keys: [dirtySet(lane)], arguments: members })) === 1;
}

/** A lane recounts at most once in so many milliseconds: the first badge is not delayed, a burst shares the next. */
const SPACING_MS = 20;

/** What `takeDirty` needs beside the lane. Without `hold`, the caller sees to it that nobody else has the lane. */
export interface TakeDirtyOptions {
  hold?: LaneHold;
  logger?: Logger;
  signal?: AbortSignal;
}

/**
 * Hands the dirty badges of a lane to `recount` and forgets them when it is done. The set is renamed first: what is
 * added meanwhile belongs to the next run, and the share of a run that died is found by the next. Not to be called
 * twice at a time for one lane (the lane sees to it).
 *
 * A recount that rejects, because Postgres or Redis is away, is repeated in place with jittered back-off from 50 ms to
 * 2 s: nobody's badge may stay wrong. On `signal` it is left, and its share with it, to the next run of any worker. The
 * counts of a process that was paused may be old when it tells them: one that finds its lane lost has them counted again.
 */
export async function takeDirty(
  client: RedisClient,
  lane: number,
  recount: (badges: DirtyBadge[]) => Promise<void>,
  { hold = ALWAYS, logger, signal }: TakeDirtyOptions = {},
): Promise<void> {
  const spacing = delay(SPACING_MS);
  for (let attempt = 0; ; ) {
    try {
      if (!(await takeShare(client, lane, recount, hold))) break;
      attempt = 0;
    } catch (error) {
      if (signal?.aborted) return;
      if (attempt % 30 === 0)
        logger?.warn({ lane, attempt, reason: String(error) }, 'recount: failed, trying again in place');
      await backoff(attempt++, 50, 2_000, signal).catch(() => {});
      if (signal?.aborted) return;
    }
  }
  await spacing;
}

const ALWAYS: LaneHold = { held: async () => true };

/** Resolves true when there may be more: after the share of a run that died comes that of the wake-up. */
async function takeShare(
  client: RedisClient,
  lane: number,
  recount: (badges: DirtyBadge[]) => Promise<void>,
  hold: LaneHold,
): Promise<boolean> {
  const taken = await client.eval(TAKE, { keys: [dirtySet(lane), takenSet(lane)] });
  if (!Array.isArray(taken)) return false;
  const [leftover, ...members] = taken.map(String);
  await recount(members.map(fromMember));
  if (!(await hold.held())) {
    // The taken set is another's by now.
    await note(client, lane, members);
    return false;
  }
  await client.del(takenSet(lane));
  return leftover === '1';
}

/**
 * KEYS[1]: the dirty set. KEYS[2]: the taken one. Makes the dirty set the taken one, unless something is left there
 * from a run that died. Returns nil when both are empty, else '1' or '0' (whether it was left) and the taken members.
 * Guarantee: a member is always in one of the two sets until KEYS[2] is deleted.
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

function dirtySet(lane: number): string {
  return `${QUEUE_PREFIX}:dirty:${lane}`;
}

function takenSet(lane: number): string {
  return `${QUEUE_PREFIX}:dirty:${lane}:taken`;
}

/** A conversation id is always 36 characters, so no separator is needed. */
function toMember(badge: DirtyBadge): string {
  return badge.conversationId + badge.userId;
}

function fromMember(member: string): DirtyBadge {
  return {
    conversationId: member.slice(0, 36) as DirtyBadge['conversationId'],
    userId: member.slice(36) as DirtyBadge['userId'],
  };
}
