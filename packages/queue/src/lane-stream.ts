import type { PlainClient, RedisClient } from '@chat-cluster/redis';
import { QUEUE_PREFIX } from './lanes.ts';

/*
 * What waits in a lane: a Redis stream, in the order in which gateways appended. It is read without being taken, and an
 * entry is deleted when it has been carried out, so a worker that dies leaves everything where it was, and "what is to
 * be done next" is always the beginning of the stream. Deleting is fenced: a script does it only for the worker that has
 * the lane (see lane-lease.ts), and renews its hold in the same step.
 */

/** One entry of a lane's stream. */
export interface LaneItem {
  /** Of Redis; ascending. */
  id: string;
  /** JSON, of whoever appended it. */
  text: string;
}

/** The keys of a lane. Those of BullMQ's queue of the same name begin with `chat:<lane>:`. */
export function streamOf(lane: string): string {
  return `${QUEUE_PREFIX}:lane:${lane}`;
}

/** List of JSON texts of GivenUp, the first given up first. */
export function givenUpOf(lane: string): string {
  return `${QUEUE_PREFIX}:lane:${lane}:given-up`;
}

/** String `<id> <n>`: n workers in a row found this item at the beginning when they got the lane. */
function lossesOf(lane: string): string {
  return `${QUEUE_PREFIX}:lane:${lane}:losses`;
}

/** The field of the items, and what a reader takes at a time: about the gateways that a busy lane hears of in one round. */
const FIELD = 'd';
const MAX_ITEMS = 50;

export async function appendToLane(client: RedisClient, lane: string, text: string): Promise<void> {
  await client.xAdd(streamOf(lane), '*', { [FIELD]: text });
}

/** What stands at the beginning of the lane; waits up to `waitMs` for something. Empty when nothing came. */
export async function readLane(client: PlainClient, lane: string, waitMs: number): Promise<LaneItem[]> {
  const read = await client.xRead({ key: streamOf(lane), id: '0' }, { COUNT: MAX_ITEMS, BLOCK: waitMs });
  const [stream] = Array.isArray(read) ? (read as unknown as Stream[]) : [];
  return (stream?.messages ?? []).map(({ id, message }) => ({ id, text: message[FIELD] ?? '' }));
}

interface Stream {
  messages: { id: string; message: Record<string, string | undefined> }[];
}

/** The hold of a worker on a lane: its lock in Redis, and what stands there while it is held. */
export interface LaneLock {
  key: string;
  token: string;
  /** For how long from the next renewal on. */
  ms: number;
}

/** Members for the set of a recount lane, whose stream gets an entry when the set was empty; see recount-requests.ts. */
export interface RecountNote {
  set: string;
  stream: string;
  members: string[];
}

/**
 * KEYS: lock, stream, then set and stream of each note. ARGV: token, lock ms, number of items wanted, number of ids, ids to
 * delete, then number of members and members of each note. Returns false, and does nothing, when the lock is not the
 * token's; else renews it, notes, deletes, and returns the first items that are left. A Redis that takes no notes (it is
 * full) deletes nothing either.
 */
const COMPLETE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
local at = 5 + ARGV[4]
for k = 3, #KEYS, 2 do
  local empty = redis.call('EXISTS', KEYS[k]) == 0
  redis.call('SADD', KEYS[k], unpack(ARGV, at + 1, at + ARGV[at]))
  if empty then redis.call('XADD', KEYS[k + 1], '*', '${FIELD}', '{}') end
  at = at + ARGV[at] + 1
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if ARGV[4] ~= '0' then redis.call('XDEL', KEYS[2], unpack(ARGV, 5, 4 + ARGV[4])) end
if ARGV[3] == '0' then return {} end
return redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', ARGV[3])`;

/**
 * Deletes items that were carried out, asks in the same step for the recounts that follow from them, and reads what comes
 * next unless `read` is false. Undefined, and nothing has changed, when the lane is no longer held.
 */
export async function completeItems(
  client: RedisClient,
  lane: string,
  lock: LaneLock,
  { items, notes = [], read }: { items: readonly LaneItem[]; notes?: readonly RecountNote[]; read: boolean },
): Promise<LaneItem[] | undefined> {
  const left = await client.eval(COMPLETE, {
    keys: [lock.key, streamOf(lane), ...notes.flatMap(({ set, stream }) => [set, stream])],
    arguments: [
      lock.token,
      String(lock.ms),
      read ? String(MAX_ITEMS) : '0',
      String(items.length),
      ...items.map(({ id }) => id),
      ...notes.flatMap(({ members }) => [String(members.length), ...members]),
    ],
  });
  if (!Array.isArray(left)) return undefined;
  return (left as [string, string[]][]).map(([id, fields]) => ({ id, text: fields[1] ?? '' }));
}

/**
 * KEYS: lock, stream, list of what was given up. ARGV: token, id, entry of the list. Moves the item there; returns 0, and
 * does nothing, when the lock is not the token's.
 */
const GIVE_UP = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if redis.call('XDEL', KEYS[2], ARGV[2]) == 1 then redis.call('RPUSH', KEYS[3], ARGV[3]) end
return 1`;

/** Takes an item out of the lane, to be kept elsewhere. False when the lane is no longer held. */
export async function giveUpItem(
  client: RedisClient,
  lane: string,
  lock: LaneLock,
  item: LaneItem,
  why: { reason: string; attempts: number },
): Promise<boolean> {
  const entry = JSON.stringify({ ...why, text: item.text });
  const keys = [lock.key, streamOf(lane), givenUpOf(lane)];
  return (await client.eval(GIVE_UP, { keys, arguments: [lock.token, item.id, entry] })) === 1;
}

/**
 * KEYS: stream, losses. Returns how many workers before this one got the lane with the same item at its beginning, and
 * counts this one.
 */
const COUNT_LOSS = `
local head = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if not head then
  redis.call('DEL', KEYS[2])
  return 0
end
local id, n = string.match(redis.call('GET', KEYS[2]) or '', '^(%S+) (%d+)$')
n = id == head[1] and tonumber(n) or 0
redis.call('SET', KEYS[2], head[1] .. ' ' .. (n + 1), 'EX', 86400)
return n`;

/** To be called by a worker that has just got the lane: how many before it did not survive what stands at its beginning. */
export async function countLoss(client: RedisClient, lane: string): Promise<number> {
  return Number(await client.eval(COUNT_LOSS, { keys: [streamOf(lane), lossesOf(lane)], arguments: [] }));
}

/** To be called by a worker that gives the lane back in good order: it was no loss. */
export async function resetLosses(client: RedisClient, lane: string): Promise<void> {
  await client.del(lossesOf(lane));
}
