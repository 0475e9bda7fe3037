import { type Logger, withDeadline } from '@chat-cluster/runtime';
import { Gauge } from 'prom-client';
import type { RedisClient } from '../connection/connection.ts';

const alive = new Gauge({
  name: 'chat_gateways_alive',
  help: 'Gateway processes of the cluster, as this one sees them',
  aggregator: 'max',
});

/** The gateway processes that are alive, each by a lease in Redis that it renews. */
export interface GatewayRegistry {
  /** Of this process; unique for each life of it. */
  readonly id: string;
  /** Whether it had a lease at the last beat. */
  isLive(id: string): boolean;
  live(): ReadonlySet<string>;
  /** Calls `listener` with those whose lease has ended: they stopped, or have been dead or cut off for LEASE_MS. */
  onGone(listener: (ids: string[]) => void): void;
  /** Calls `listener` after Redis had lost our lease: it was wiped, or away for long. What we keep there may be gone too. */
  onForgotten(listener: () => void): void;
  /** Gives the lease up. Never rejects. */
  stop(): Promise<void>;
}

/** A dead gateway is known to all others within LEASE_MS + BEAT_MS = 18 s. */
const LEASE_MS = 15_000;
const BEAT_MS = 3_000;
const DEADLINE_MS = 2_000;
const KEY = 'chat:gateways';

/**
 * KEYS[1]: sorted set of gateway ids by the end of their lease, in milliseconds of the clock of Redis. ARGV[1]: our id.
 * ARGV[2]: length of a lease. Renews ours, drops those that have ended. Returns '1' or '0' (whether ours was there)
 * and the ids that are left.
 */
const BEAT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. now)
local was = redis.call('ZSCORE', KEYS[1], ARGV[1]) and '1' or '0'
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
local ids = redis.call('ZRANGE', KEYS[1], 0, -1)
table.insert(ids, 1, was)
return ids`;

/**
 * Joins and begins to beat: one command each BEAT_MS, whatever the number of users. Resolves after the first beat.
 *
 * While Redis is away nobody can renew a lease, so at its return all may have ended. Gateways that were missed for that
 * reason are back with their next beat; nobody is called gone before this process has seen Redis for a whole lease.
 */
export async function joinGatewayRegistry(client: RedisClient, id: string, logger: Logger): Promise<GatewayRegistry> {
  const goneListeners: ((ids: string[]) => void)[] = [];
  const forgottenListeners: (() => void)[] = [];
  let live: ReadonlySet<string> = new Set([id]);
  let joined = false;
  let steadySince = performance.now();
  let lastBeat = performance.now();
  let beating = false;
  let stopped = false;

  const beat = async () => {
    const answer = await withDeadline(
      client.eval(BEAT, { keys: [KEY], arguments: [id, String(LEASE_MS)] }),
      DEADLINE_MS,
      'registry',
    );
    if (!Array.isArray(answer) || stopped) return;
    const now = performance.now();
    if (now - lastBeat > BEAT_MS * 2) steadySince = now;
    lastBeat = now;
    const [was, ...ids] = answer.map(String);
    const seen = new Set(ids);
    const steady = now - steadySince >= LEASE_MS;
    const gone = [...live].filter((one) => !seen.has(one));
    // Those missed after an outage stay live until the lease that they may have renewed by now would have ended.
    live = steady ? seen : new Set([...live, ...seen]);
    alive.set(live.size);
    if (was === '0' && joined) for (const listener of forgottenListeners) listener();
    joined = true;
    if (steady && gone.length > 0) {
      logger.info({ gateways: gone.length }, 'registry: gateways are gone');
      for (const listener of goneListeners) listener(gone);
    }
  };
  const run = () => {
    if (beating) return;
    beating = true;
    // An outage shows in the pulse of the connection, and is logged there.
    beat()
      .catch(() => {})
      .finally(() => {
        beating = false;
      });
  };
  const timer = setInterval(run, BEAT_MS);
  timer.unref();
  await beat().catch(() => {});

  return {
    id,
    isLive: (one) => live.has(one),
    live: () => live,
    onGone: (listener) => void goneListeners.push(listener),
    onForgotten: (listener) => void forgottenListeners.push(listener),
    async stop() {
      stopped = true;
      clearInterval(timer);
      await withDeadline(client.zRem(KEY, id), DEADLINE_MS, 'registry').catch(() => {});
    },
  };
}
