import type { ConversationId } from '@chat-cluster/contracts';
import type { DirtyBadge, RecountRequests } from '@chat-cluster/domain';
import { CLUSTER_NAME, type RedisClient } from '@chat-cluster/redis';
import { every } from '@chat-cluster/runtime';
import { type RecountNote, streamOf } from '../lane-stream.ts';
import { type LaneServer, laneNumberOf, recountLane, serverOf } from '../lanes.ts';
import { groupNote } from './group-badges.ts';

export interface LaneRecountRequests extends RecountRequests {
  /**
   * Splits badges by server: `notes` for those whose recount lane is on the server of `client`, so that a script
   * there can add them together with other changes, and the badges of the other servers. `groups` get a note on every
   * server (group-badges.ts).
   */
  split(
    client: RedisClient,
    badges: readonly DirtyBadge[],
    groups?: readonly ConversationId[],
  ): { notes: RecountNote[]; elsewhere: DirtyBadge[] };
  close(): void;
}

/** Interval of the search for badges without a wake-up, in ms. */
const SWEEP_MS = 1_000;

/**
 * Requests recounts; each user belongs to one recount lane. Each lane has a Redis set of badges to recount (the dirty
 * set), so requests coalesce. An entry in the lane's stream is only a wake-up, and a run takes the whole set.
 *
 * Only the request that finds the set empty wakes the lane, in the same step: while the set is not empty, a wake-up
 * is on its way. Badges that a run left when it died have no wake-up; the sweep of any worker finds them within
 * SWEEP_MS.
 *
 * Lanes of several servers do not wait for each other. With several, a request for a lane whose server is away counts
 * as made, and `onMissed` is called when that server is back: all badges must then be sent again.
 */
export function createRecountRequests(
  servers: readonly LaneServer[],
  lanes: number,
  onMissed: () => void = () => {},
): LaneRecountRequests {
  const clientOf = (laneNumber: number) => serverOf(laneNumber, servers).client;
  const sweeps = Array.from({ length: lanes }, (_, laneNumber) =>
    every(SWEEP_MS, () => wake(clientOf(laneNumber), laneNumber)),
  );
  const missed = new Set<RedisClient>();
  for (const { client } of servers) {
    client.pulse.onChange((answers) => {
      if (answers && missed.delete(client)) onMissed();
    });
  }
  return {
    async request(badges) {
      await Promise.all(
        [...byLane(badges, lanes)].map(async ([laneNumber, ofLane]) => {
          const client = clientOf(laneNumber);
          if (servers.length > 1 && !client.pulse.answers) missed.add(client);
          else await addDirty(client, laneNumber, ofLane.map(toMember));
        }),
      );
    },
    split(client, badges, groups = []) {
      const notes: RecountNote[] = groups.length > 0 ? [groupNote(groups)] : [];
      const elsewhere: DirtyBadge[] = [];
      for (const [laneNumber, ofLane] of byLane(badges, lanes)) {
        if (clientOf(laneNumber) !== client) elsewhere.push(...ofLane);
        else notes.push({ ...keysOf(laneNumber), members: [...new Set(ofLane.map(toMember))] });
      }
      return { notes, elsewhere };
    },
    close() {
      for (const sweep of sweeps) void sweep.stop();
    },
  };
}

function byLane(badges: readonly DirtyBadge[], lanes: number): Map<number, DirtyBadge[]> {
  return Map.groupBy(badges, ({ userId }) => laneNumberOf(userId, lanes));
}

/** KEYS: dirty set, the lane's stream. ARGV: members. Adds the members; wakes the lane if the set was empty. */
const ADD_DIRTY = `
local empty = redis.call('EXISTS', KEYS[1]) == 0
redis.call('SADD', KEYS[1], unpack(ARGV))
if empty then redis.call('XADD', KEYS[2], '*', 'd', '{}') end`;

/** Members in one call of ADD_DIRTY. Lua's `unpack` returns at most 8,000 values. */
const MAX_ADDED = 1_000;

/** Adds members to the dirty set of a lane, any number of them. */
export async function addDirty(client: RedisClient, laneNumber: number, members: readonly string[]): Promise<void> {
  const { set, stream } = keysOf(laneNumber);
  for (let from = 0; from < members.length; from += MAX_ADDED) {
    await client.eval(ADD_DIRTY, { keys: [set, stream], arguments: members.slice(from, from + MAX_ADDED) });
  }
}

function keysOf(laneNumber: number): Pick<RecountNote, 'set' | 'stream'> {
  return { set: dirtySet(laneNumber), stream: streamOf(recountLane(laneNumber)) };
}

/** KEYS: dirty set, taken set, the lane's stream. Wakes the lane if a badge waits and the stream has no wake-up. */
const WAKE = `
if redis.call('EXISTS', KEYS[1], KEYS[2]) > 0 and redis.call('XLEN', KEYS[3]) == 0 then
  redis.call('XADD', KEYS[3], '*', 'd', '{}')
end`;

async function wake(client: RedisClient, laneNumber: number): Promise<void> {
  const { set, stream } = keysOf(laneNumber);
  await client.eval(WAKE, { keys: [set, takenSet(laneNumber), stream], arguments: [] });
}

/** Key of the set of badges that wait for a recount. */
export function dirtySet(laneNumber: number): string {
  return `${CLUSTER_NAME}:dirty:${laneNumber}`;
}

/** Key of the set of badges that a run has taken and not finished yet. */
export function takenSet(laneNumber: number): string {
  return `${CLUSTER_NAME}:dirty:${laneNumber}:taken`;
}

/** A badge as a member of a set. A conversation id always has 36 characters, so no separator is needed. */
function toMember(badge: DirtyBadge): string {
  return badge.conversationId + badge.userId;
}

export function fromMember(member: string): DirtyBadge {
  return {
    conversationId: member.slice(0, 36) as DirtyBadge['conversationId'],
    userId: member.slice(36) as DirtyBadge['userId'],
  };
}
