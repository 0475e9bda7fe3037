import type { UserId } from '@chat-cluster/contracts';
import { withDeadline } from '@chat-cluster/runtime';
import type { RedisClient } from '../connection/connection.ts';

/**
 * Which gateways hold connections of a user: a hash `chat:presence:<user>` with the time of the entry by gateway id, and
 * under LEFT the time at which the last of them let go. All times are milliseconds on the clock of Redis.
 *
 * An entry of a gateway that died stays. Readers know by the lease of the gateway that it says nothing any more; the
 * next write of the user drops it once it is as old as ENTRY_TTL_MS, and so does Redis with the whole key.
 */
export interface PresenceStore {
  /**
   * Writes that this gateway holds `held` and no longer holds `released`. Resolves with those for whom that was news to
   * Redis. Safe to repeat.
   */
  write(held: readonly UserId[], released: readonly UserId[]): Promise<UserId[]>;
  /** `result[i]` belongs to `userIds[i]`. */
  read(userIds: readonly UserId[]): Promise<Holdings[]>;
}

export interface Holdings {
  /** Gateways that hold the user, or held the user when they died. */
  gateways: { id: string; ageMs: number }[];
  /** When the last connection ended in good order, and how long ago that is. */
  left: { at: number; agoMs: number } | undefined;
}

/** An entry is written again each REFRESH_MS of presence-announcer.ts; one that missed three of them is void. */
export const ENTRY_TTL_MS = 180_000;
/** For how long it is known when a user was seen last: about 100 bytes a user. */
const LAST_SEEN_MS = 3_600_000;
const DEADLINE_MS = 1_000;
const LEFT = 'left';

/**
 * KEYS: the hash of each user. ARGV[1]: id of the gateway. ARGV[2]: how many of KEYS, from the first, it holds; the
 * others it does not. ARGV[3]: TTL of an entry in ms. ARGV[4]: TTL of the time of leaving.
 * Returns 1 per key whose holders have changed, else 0. Guarantee: all keys at one moment; again with the same
 * arguments it changes only times.
 */
const WRITE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local changed = {}
for i, key in ipairs(KEYS) do
  if i <= tonumber(ARGV[2]) then
    changed[i] = redis.call('HSET', key, ARGV[1], string.format('%.0f', now))
    local entries = redis.call('HGETALL', key)
    for j = 1, #entries, 2 do
      if entries[j] == '${LEFT}' or tonumber(entries[j + 1]) < now - ARGV[3] then redis.call('HDEL', key, entries[j]) end
    end
    redis.call('PEXPIRE', key, ARGV[3])
  else
    changed[i] = redis.call('HDEL', key, ARGV[1])
    if changed[i] == 1 and redis.call('HLEN', key) == 0 then
      redis.call('HSET', key, '${LEFT}', string.format('%.0f', now))
      redis.call('PEXPIRE', key, ARGV[4])
    end
  end
end
return changed`;

/** KEYS: the hash of each user. Returns the time of Redis in ms, then the fields and values of each hash. */
const READ = `
local time = redis.call('TIME')
local found = {}
for i, key in ipairs(KEYS) do found[i] = redis.call('HGETALL', key) end
return { time[1] * 1000 + math.floor(time[2] / 1000), found }`;

/** On a single server: one script touches the keys of many users. */
export function createPresenceStore(redis: RedisClient, gatewayId: string): PresenceStore {
  return {
    async write(held, released) {
      const userIds = [...held, ...released];
      const reply = await withDeadline(
        redis.eval(WRITE, {
          keys: userIds.map(keyOf),
          arguments: [gatewayId, String(held.length), String(ENTRY_TTL_MS), String(LAST_SEEN_MS)],
        }),
        DEADLINE_MS,
        'presence write',
      );
      const changed = reply as unknown as number[];
      return userIds.filter((_, i) => changed[i] === 1);
    },
    async read(userIds) {
      const reply = await withDeadline(redis.eval(READ, { keys: userIds.map(keyOf) }), DEADLINE_MS, 'presence read');
      const [now, found] = reply as unknown as [number, string[][]];
      return userIds.map((_, i) => holdingsOf(found[i] ?? [], now));
    },
  };
}

function holdingsOf(fields: readonly string[], now: number): Holdings {
  const holdings: Holdings = { gateways: [], left: undefined };
  for (let i = 0; i < fields.length; i += 2) {
    const [id, at] = [String(fields[i]), Number(fields[i + 1])];
    if (id === LEFT) holdings.left = { at, agoMs: now - at };
    else if (now - at < ENTRY_TTL_MS) holdings.gateways.push({ id, ageMs: now - at });
  }
  return holdings;
}

function keyOf(userId: UserId): string {
  return `chat:presence:${userId}`;
}

/** On which gateways say that the holders of a user have changed. Says nothing more: who hears it looks. */
export function presenceChannel(userId: UserId): string {
  return `chat:presence#${userId}`;
}
