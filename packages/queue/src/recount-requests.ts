import type { DirtyBadge, RecountRequests } from '@chat-cluster/domain';
import type { RedisClient } from '@chat-cluster/redis';
import { Queue } from 'bullmq';
import type { QueueConnection } from './connection.ts';
import { laneOf, QUEUE_PREFIX, recountQueue } from './lanes.ts';

/**
 * Recount lanes, by user. Who is to be recounted stands in a Redis set per lane, so requests coalesce by themselves;
 * the lane's job only says that there is something in the set. A run takes the whole set. At most one job waits and
 * one runs per lane: a request that comes while a run is under way makes exactly one further run.
 */
export function createRecountRequests(
  client: RedisClient,
  connection: QueueConnection,
  lanes: number,
): RecountRequests & { close(): Promise<void> } {
  const queues = Array.from({ length: lanes }, (_, lane) => {
    const queue = new Queue(recountQueue(lane), { connection, prefix: QUEUE_PREFIX });
    queue.on('error', () => {});
    return queue;
  });
  return {
    async request(badges) {
      const byLane = Map.groupBy(badges, (badge) => laneOf(badge.userId, lanes));
      await Promise.all(
        [...byLane].map(async ([lane, dirty]) => {
          await client.sAdd(dirtySet(lane), dirty.map(toMember));
          // The one wake-up that counts is one after the set was written: a run under way may have taken it before.
          await queues[lane]?.add(
            'recount',
            {},
            { deduplication: { id: 'recount', keepLastIfActive: true }, removeOnComplete: true },
          );
        }),
      );
    },
    async close() {
      await Promise.all(queues.map((queue) => queue.close()));
    },
  };
}

/**
 * Hands the dirty badges of a lane to `recount` and forgets them when it is done. The set is renamed first: what is
 * added meanwhile belongs to the next run, and a run that died finds its share again. Not to be called twice at a time
 * for one lane (the lane sees to it).
 */
export async function takeDirty(
  client: RedisClient,
  lane: number,
  recount: (badges: DirtyBadge[]) => Promise<void>,
): Promise<void> {
  // Twice: the first may be the share of a run that died, and what came meanwhile need not wait for the next job.
  for (let pass = 0; pass < 2; pass++) {
    const members = await client.eval(TAKE, { keys: [dirtySet(lane), takenSet(lane)] });
    if (!isStrings(members) || members.length === 0) return;
    await recount(members.map(fromMember));
    await client.del(takenSet(lane));
  }
}

/**
 * KEYS[1]: the dirty set. KEYS[2]: the taken one. Returns the members of the taken set, which becomes the dirty one
 * when nothing is left in it from a run that died. Guarantee: no member is in neither set.
 */
const TAKE = `
if redis.call('EXISTS', KEYS[2]) == 0 and redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('RENAME', KEYS[1], KEYS[2])
end
return redis.call('SMEMBERS', KEYS[2])`;

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((member) => typeof member === 'string');
}

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
