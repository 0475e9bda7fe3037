import { CLUSTER_NAME, type PlainClient, type RedisClient } from '@chat-cluster/redis';

/*
 * The stream of a lane: a Redis stream that holds batches in the order in which gateways appended them. Reading does
 * not remove a batch; it is deleted after it was processed. So a worker that dies leaves everything in place, and the
 * next batch to process is always the first of the stream. Deleting is fenced: the script does it only for the worker
 * that holds the lane (consumer/lane-lease.ts), and renews its lock in the same step.
 */

/** A batch as it is in a lane's stream. */
export interface QueuedBatch {
  /** Id of the stream entry, assigned by Redis; ascending. */
  id: string;
  /** JSON, not parsed yet. Of a stream entry without the field of a batch: its fields, which are no batch. */
  text: string;
}

/** Key of a lane's stream. The keys of BullMQ's queue of the same name begin with `<cluster>:<lane>:`. */
export function streamOf(lane: string): string {
  return `${CLUSTER_NAME}:lane:${lane}`;
}

/** Key of the list of batches that were given up, as JSON texts, oldest first (consumer/given-up.ts). */
export function givenUpOf(lane: string): string {
  return `${CLUSTER_NAME}:lane:${lane}:given-up`;
}

/** Key of the string `<id> <n>`: for n workers in a row, the batch `id` was the first when they took the lane. */
function lossesOf(lane: string): string {
  return `${CLUSTER_NAME}:lane:${lane}:losses`;
}

/** The only field of a stream entry. */
const FIELD = 'd';
/** Batches read at a time. Each gateway has one batch in a lane, so this serves 50 gateways. */
const MAX_BATCHES = 50;

export async function appendToLane(client: RedisClient, lane: string, text: string): Promise<void> {
  await client.xAdd(streamOf(lane), '*', { [FIELD]: text });
}

/** The first batches of the lane. Waits up to `waitMs` for one; empty when none arrives. */
export async function readLane(client: PlainClient, lane: string, waitMs: number): Promise<QueuedBatch[]> {
  const read = await client.xRead({ key: streamOf(lane), id: '0' }, { COUNT: MAX_BATCHES, BLOCK: waitMs });
  const [stream] = (read ?? []) as { messages: { id: string; message: Record<string, string> }[] }[];
  return (stream?.messages ?? []).map(({ id, message }) => queuedBatch(id, message));
}

function queuedBatch(id: string, fields: Record<string, string>): QueuedBatch {
  return { id, text: fields[FIELD] ?? JSON.stringify(fields) };
}

/** Parses the text of a batch. Undefined when it is not JSON. */
export function parseBatch(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The lock of the worker that holds a lane: the Redis string `key` contains `token`. */
export interface LaneLock {
  readonly key: string;
  readonly token: string;
}

/** Duration of a lane's lock after a renewal, in ms. With a much shorter one, a brief stall would lose the lane. */
export const LOCK_MS = 3_000;

/**
 * Members to add to the dirty set of a recount lane. Its stream, unless its name is empty, gets an entry if the set was
 * empty (recounts/).
 */
export interface RecountNote {
  set: string;
  stream: string;
  members: string[];
}

/**
 * KEYS: lock, stream, then set and stream of each note. ARGV: token, lock ms, maximum number of batches to return,
 * number of ids, ids to delete, then number of members and members of each note.
 * Returns false, and does nothing, when the lock does not contain the token. Otherwise renews the lock, adds the
 * notes, deletes, and returns the first batches that are left. If Redis rejects the notes because it is full, nothing
 * is deleted. A note may have any number of members: `unpack` returns at most 8,000 values, so they are added in parts.
 */
const COMPLETE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
local at = 5 + ARGV[4]
for k = 3, #KEYS, 2 do
  local empty = redis.call('EXISTS', KEYS[k]) == 0
  local last = at + ARGV[at]
  for i = at + 1, last, 1000 do redis.call('SADD', KEYS[k], unpack(ARGV, i, math.min(last, i + 999))) end
  if empty and KEYS[k + 1] ~= '' then redis.call('XADD', KEYS[k + 1], '*', '${FIELD}', '{}') end
  at = last + 1
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if ARGV[4] ~= '0' then redis.call('XDEL', KEYS[2], unpack(ARGV, 5, 4 + ARGV[4])) end
if ARGV[3] == '0' then return {} end
return redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', ARGV[3])`;

/**
 * Deletes processed batches, requests the recounts that follow from them, renews the lock and, with `read`, reads the
 * next batches: all in one step. Resolves with undefined, and changes nothing, when the lock is lost.
 */
export async function completeBatches(
  client: RedisClient,
  lane: string,
  lock: LaneLock,
  { batches, notes = [], read }: { batches: readonly QueuedBatch[]; notes?: readonly RecountNote[]; read: boolean },
): Promise<QueuedBatch[] | undefined> {
  const left = await client.eval(COMPLETE, {
    keys: [lock.key, streamOf(lane), ...notes.flatMap(({ set, stream }) => [set, stream])],
    arguments: [
      lock.token,
      String(LOCK_MS),
      read ? String(MAX_BATCHES) : '0',
      String(batches.length),
      ...batches.map(({ id }) => id),
      ...notes.flatMap(({ members }) => [String(members.length), ...members]),
    ],
  });
  if (!Array.isArray(left)) return undefined;
  return (left as [string, string[]][]).map(([id, flat]) =>
    flat[0] === FIELD ? { id, text: flat[1] ?? '' } : queuedBatch(id, fieldsOf(flat)),
  );
}

/** The fields of a stream entry from `[name, value, name, value, …]`. */
function fieldsOf(flat: readonly string[]): Record<string, string> {
  return Object.fromEntries(flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] ?? '']] : [])));
}

/**
 * KEYS: lock, stream, list of given-up batches. ARGV: token, id, list entry. Moves the batch to the list. Returns 0,
 * and does nothing, when the lock does not contain the token.
 */
const GIVE_UP = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if redis.call('XDEL', KEYS[2], ARGV[2]) == 1 then redis.call('RPUSH', KEYS[3], ARGV[3]) end
return 1`;

/** Moves a batch out of the lane to the list of given-up batches. Resolves with false when the lock is lost. */
export async function giveUpBatch(
  client: RedisClient,
  lane: string,
  lock: LaneLock,
  batch: QueuedBatch,
  cause: { reason: string; attempts: number },
): Promise<boolean> {
  const entry = JSON.stringify({ ...cause, text: batch.text });
  const keys = [lock.key, streamOf(lane), givenUpOf(lane)];
  return (await client.eval(GIVE_UP, { keys, arguments: [lock.token, batch.id, entry] })) === 1;
}

/**
 * KEYS: stream, losses. Returns how many workers in a row before this one took the lane with the same first batch, and
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

/** Call it once after taking the lane. Returns the workers that ended during its first batch, and counts this one. */
export async function countLoss(client: RedisClient, lane: string): Promise<number> {
  return Number(await client.eval(COUNT_LOSS, { keys: [streamOf(lane), lossesOf(lane)], arguments: [] }));
}

/** KEYS: lock, losses. ARGV: token. Does nothing when the lock does not contain the token. */
const UNCOUNT_LOSS = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return end
local id, n = string.match(redis.call('GET', KEYS[2]) or '', '^(%S+) (%d+)$')
if n then redis.call('SET', KEYS[2], id .. ' ' .. math.max(0, n - 1), 'EX', 86400) end`;

/** Call it when this worker leaves the lane on purpose, which is not a loss. Losses of other workers still count. */
export async function uncountLoss(client: RedisClient, lane: string, lock: LaneLock): Promise<void> {
  await client.eval(UNCOUNT_LOSS, { keys: [lock.key, lossesOf(lane)], arguments: [lock.token] });
}
