import { CLUSTER_NAME, type RedisClient } from '@chat-cluster/redis';
import { withDeadline } from '@chat-cluster/runtime';
import { parseSnapshot, type Snapshot } from './snapshot.ts';

/** Time for which the last snapshot of a process that has died is kept, in ms. */
const KEPT_MS = 600_000;
/** Most processes that a reader reads: those with the newest snapshots. */
const MAX_PROCESSES = 1_000;
/** Time limit for an answer of Redis, in ms. */
const DEADLINE_MS = 1_000;
const KEY = `${CLUSTER_NAME}:processes`;

/**
 * KEYS[1]: sorted set of process ids by the time of their last snapshot, in ms of the clock of Redis. KEYS[2]: the
 * snapshot. ARGV[1]: id. ARGV[2]: snapshot. ARGV[3]: time in ms for which both are kept. Removes the ids of processes
 * whose last snapshot is older.
 */
const WRITE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])`;

/** KEYS[1]: the sorted set. ARGV[1]: most processes. Returns the time of Redis in ms, and the ids with their times. */
const READ_IDS = `
local time = redis.call('TIME')
local ids = redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1, 'REV', 'WITHSCORES')
return { time[1] * 1000 + math.floor(time[2] / 1000), ids }`;

export interface KeptSnapshot {
  snapshot: Snapshot;
  /** Time since it was written, by the clock of Redis. */
  ageMs: number;
}

/** Writes the snapshot of a process. Rejects when Redis does not respond. */
export async function writeSnapshot(redis: RedisClient, id: string, snapshot: string): Promise<void> {
  const written = redis.eval(WRITE, { keys: [KEY, keyOf(id)], arguments: [id, snapshot, String(KEPT_MS)] });
  await withDeadline(written, DEADLINE_MS, 'snapshot');
}

/** Removes the snapshot of a process that ends in order. */
export async function removeSnapshot(redis: RedisClient, id: string): Promise<void> {
  await withDeadline(Promise.all([redis.zRem(KEY, id), redis.del(keyOf(id))]), DEADLINE_MS, 'snapshot');
}

/** Reads the last snapshot of each process, with two commands. `unreadable`: number of texts that are no snapshot. */
export async function readSnapshots(redis: RedisClient): Promise<{ kept: KeptSnapshot[]; unreadable: number }> {
  const read = redis.eval(READ_IDS, { keys: [KEY], arguments: [String(MAX_PROCESSES)] });
  const [now, pairs] = (await withDeadline(read, DEADLINE_MS, 'snapshots')) as unknown as [number, string[]];
  const ids = pairs.filter((_, i) => i % 2 === 0);
  if (ids.length === 0) return { kept: [], unreadable: 0 };
  const texts = await withDeadline(redis.mGet(ids.map(keyOf)), DEADLINE_MS, 'snapshots');
  const present = texts.flatMap((text, i) => (text === null ? [] : [{ text, at: Number(pairs[2 * i + 1]) }]));
  const kept = present.flatMap(({ text, at }) => {
    const snapshot = parseSnapshot(text);
    return snapshot ? [{ snapshot, ageMs: Math.max(0, Number(now) - at) }] : [];
  });
  return { kept, unreadable: present.length - kept.length };
}

function keyOf(id: string): string {
  return `${CLUSTER_NAME}:process:${id}`;
}
