import { setTimeout as delay } from 'node:timers/promises';
import type { DirtyBadge, RecountRequests } from '@chat-cluster/domain';
import type { RedisClient } from '@chat-cluster/redis';
import { backoff, type Logger } from '@chat-cluster/runtime';
import type { LaneHold } from './lane-lease.ts';
import { type LaneServer, serverOf } from './lane-server.ts';
import { type RecountNote, streamOf } from './lane-stream.ts';
import { laneOf, QUEUE_PREFIX, recountQueue } from './lanes.ts';

export interface LaneRecounts extends RecountRequests {
  /** What asks for recounts in a step with something else at the server of `client`, and the badges that other servers have. */
  split(client: RedisClient, badges: readonly DirtyBadge[]): { notes: RecountNote[]; elsewhere: DirtyBadge[] };
  close(): void;
}

/**
 * Recount lanes, by user. Who is to be recounted stands in a Redis set per lane, so requests coalesce by themselves;
 * an entry of the lane's stream only says that there is something in the set. A run takes the whole set.
 *
 * Only the request that finds the set empty wakes the lane, in the same step: while the set holds something, a wake-up is
 * on its way. What is left of a run that died has none, and is found by the sweep of any worker within SWEEP_MS.
 *
 * Lanes of several servers do not wait for each other: a request for a lane whose server is away, while there are
 * others, counts as made, and `onMissed` is called when that server is back. Every badge is to be told anew then.
 */
export function createRecountRequests(
  servers: readonly LaneServer[],
  lanes: number,
  onMissed: () => void = () => {},
): LaneRecounts {
  const clientOf = (lane: number) => serverOf(lane, servers).client;
  const sweep = setInterval(() => {
    for (let lane = 0; lane < lanes; lane++) void wake(clientOf(lane), lane).catch(() => {});
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
          await note(client, lane, dirty.map(toMember));
        }),
      );
    },
    split(client, badges) {
      const notes: RecountNote[] = [];
      const elsewhere: DirtyBadge[] = [];
      for (const [lane, dirty] of Map.groupBy(badges, (badge) => laneOf(badge.userId, lanes))) {
        if (clientOf(lane) !== client) elsewhere.push(...dirty);
        else notes.push({ ...keysOf(lane), members: [...new Set(dirty.map(toMember))] });
      }
      return { notes, elsewhere };
    },
    close() {
      clearInterval(sweep);
    },
  };
}

const SWEEP_MS = 1_000;

/**
 * KEYS: the dirty set, the lane's stream. ARGV: members. Adds them. A set that was empty before gets an entry in the
 * stream, which wakes the lane.
 */
const NOTE = `
local empty = redis.call('EXISTS', KEYS[1]) == 0
redis.call('SADD', KEYS[1], unpack(ARGV))
if empty then redis.call('XADD', KEYS[2], '*', 'd', '{}') end`;

async function note(client: RedisClient, lane: number, members: string[]): Promise<void> {
  const { set, stream } = keysOf(lane);
  await client.eval(NOTE, { keys: [set, stream], arguments: members });
}

function keysOf(lane: number): Pick<RecountNote, 'set' | 'stream'> {
  return { set: dirtySet(lane), stream: streamOf(recountQueue(lane)) };
}

/** KEYS: the dirty set, the taken one, the lane's stream. Wakes the lane when somebody waits and no entry says so. */
const WAKE = `
if redis.call('EXISTS', KEYS[1], KEYS[2]) > 0 and redis.call('XLEN', KEYS[3]) == 0 then
  redis.call('XADD', KEYS[3], '*', 'd', '{}')
end`;

async function wake(client: RedisClient, lane: number): Promise<void> {
  await client.eval(WAKE, { keys: [dirtySet(lane), takenSet(lane), streamOf(recountQueue(lane))], arguments: [] });
}

/**
 * A lane rests after a recount, so that a burst shares the next one: for four times as long as it took, that is, recounts
 * take a fifth of a lane's time at most. The first badge after a pause is never delayed.
 */
const REST = { times: 4, leastMs: 50, mostMs: 250 };

function restAfter(ms: number): number {
  return Math.min(REST.mostMs, Math.max(REST.leastMs, REST.times * ms));
}

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
  const started = performance.now();
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
  await delay(restAfter(performance.now() - started), undefined, signal ? { signal } : {}).catch(() => {});
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
