import type { UserId } from '@chat-cluster/contracts';
import { withDeadline } from '@chat-cluster/runtime';
import { CLUSTER_NAME } from '../cluster-name.ts';
import type { RedisClient } from '../connection/connection.ts';

/** Lifetime of an entry, in ms. The announcer renews it every 60 s; after three missed renewals it is void. */
const ENTRY_TTL_MS = 180_000;
/** Time for which Redis keeps when a user was last online, in ms. It takes about 100 bytes per user. */
const LAST_SEEN_MS = 3_600_000;
/** Time limit for an answer of Redis, in ms. */
const DEADLINE_MS = 1_000;
const LEFT = 'left';

/**
 * KEYS: the hash of each user. ARGV[1]: id of the gateway. ARGV[2]: number of KEYS, from the first, that it holds; it
 * does not hold the others. ARGV[3]: TTL of an entry in ms. ARGV[4]: TTL of the time of leaving in ms. Returns 1 for
 * each key whose gateways have changed, else 0. Guarantee: all keys change at one moment; a repetition with the same
 * arguments changes only times.
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

/**
 * The gateways that hold connections of a user: a hash `<cluster>:presence:<user>` with the time of each entry by gateway
 * id, and under `left` the time at which the last gateway released the user. All times are ms of the clock of Redis. It
 * must be a single server, because a script touches the keys of many users. It may lose all data at any time.
 *
 * The entry of a dead gateway stays. Readers recognise it by the ended lease of the gateway. The next write of the user
 * removes it when it is older than ENTRY_TTL_MS, and Redis removes the whole key after that time.
 */
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
    onReconnect: (listener) => void redis.on('ready', listener),
  };
}

export interface PresenceStore {
  /**
   * Writes that this gateway holds `held` and does not hold `released`. Resolves with the users whose entries have
   * changed. Safe to repeat.
   */
  write(held: readonly UserId[], released: readonly UserId[]): Promise<UserId[]>;
  /** `result[i]` belongs to `userIds[i]`. */
  read(userIds: readonly UserId[]): Promise<Holdings[]>;
  /** Calls `listener` when a lost connection is restored: Redis may have lost data. */
  onReconnect(listener: () => void): void;
}

export interface Holdings {
  /** Gateways that hold the user, or held the user when they died. */
  gateways: { id: string; ageMs: number }[];
  /** When the last connection was closed in an orderly way, and how long ago. */
  left: { at: number; agoMs: number } | undefined;
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
  return `${CLUSTER_NAME}:presence:${userId}`;
}

/** The channel that announces a change of the gateways of a user. The message is empty: receivers read the store. */
export function presenceChannel(userId: UserId): string {
  return `${CLUSTER_NAME}:presence#${userId}`;
}
