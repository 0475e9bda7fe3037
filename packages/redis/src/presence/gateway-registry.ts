import { every, type Logger, withDeadline } from '@chat-cluster/runtime';
import { Gauge } from 'prom-client';
import type { RedisClient } from '../connection/connection.ts';

const alive = new Gauge({
  name: 'chat_gateways_alive',
  help: 'Gateway processes of the cluster that this process knows to be alive',
  aggregator: 'max',
});

/** Duration of a lease, in ms. All gateways notice a dead one within LEASE_MS + HEARTBEAT_MS = 18 s. */
const LEASE_MS = 15_000;
const HEARTBEAT_MS = 3_000;
/** Time limit for an answer of Redis, in ms. */
const DEADLINE_MS = 2_000;
const KEY = 'chat:gateways';

/**
 * KEYS[1]: sorted set of gateway ids by the end of their lease, in ms of the clock of Redis. ARGV[1]: own id. ARGV[2]:
 * duration of a lease in ms. Renews the own lease and removes those that have ended. Returns '1' or '0' (whether the
 * own lease existed) and the remaining ids.
 */
const RENEW_LEASE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. now)
local was = redis.call('ZSCORE', KEYS[1], ARGV[1]) and '1' or '0'
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
local ids = redis.call('ZRANGE', KEYS[1], 0, -1)
table.insert(ids, 1, was)
return ids`;

/**
 * Joins the registry and renews the lease: one command per HEARTBEAT_MS, whatever the number of users. Resolves after
 * the first heartbeat.
 *
 * While Redis is away no gateway can renew its lease, so all leases may have ended when it returns. Gateways that are
 * missing for that reason are back with their next heartbeat. So no gateway is reported as gone before this process has
 * reached Redis for the duration of a whole lease.
 */
export async function joinGatewayRegistry(client: RedisClient, id: string, logger: Logger): Promise<GatewayRegistry> {
  const goneListeners: ((ids: string[]) => void)[] = [];
  const leaseLostListeners: (() => void)[] = [];
  let live: ReadonlySet<string> = new Set([id]);
  let joined = false;
  let steadySince = performance.now();
  let lastHeartbeat = performance.now();
  let stopped = false;

  const renewLease = async () => {
    const answer = await withDeadline(
      client.eval(RENEW_LEASE, { keys: [KEY], arguments: [id, String(LEASE_MS)] }),
      DEADLINE_MS,
      'registry',
    );
    if (!Array.isArray(answer) || stopped) return;
    const now = performance.now();
    if (now - lastHeartbeat > HEARTBEAT_MS * 2) steadySince = now;
    lastHeartbeat = now;
    const [hadLease, ...ids] = answer.map(String);
    const seen = new Set(ids);
    const steady = now - steadySince >= LEASE_MS;
    const gone = [...live].filter((one) => !seen.has(one));
    // After an outage, missing gateways stay live until a lease that they may have renewed by now would have ended.
    live = steady ? seen : new Set([...live, ...seen]);
    alive.set(live.size);
    if (hadLease === '0' && joined) for (const listener of leaseLostListeners) listener();
    joined = true;
    if (steady && gone.length > 0) {
      logger.info({ gateways: gone.length }, 'registry: gateways are gone');
      for (const listener of goneListeners) listener(gone);
    }
  };
  // An outage shows in the pulse of the connection, and is logged there.
  const heartbeat = every(HEARTBEAT_MS, renewLease);
  await renewLease().catch(() => {});

  return {
    id,
    isLive: (one) => live.has(one),
    live: () => live,
    onGone: (listener) => void goneListeners.push(listener),
    onLeaseLost: (listener) => void leaseLostListeners.push(listener),
    async stop() {
      stopped = true;
      void heartbeat.stop();
      await withDeadline(client.zRem(KEY, id), DEADLINE_MS, 'registry').catch(() => {});
    },
  };
}

/** The gateway processes that are alive. Each one has a lease in Redis that it renews. */
export interface GatewayRegistry {
  /** Id of this process, unique for each start of it. */
  readonly id: string;
  /** Whether the gateway had a lease at the last heartbeat. */
  isLive(id: string): boolean;
  live(): ReadonlySet<string>;
  /** Calls `listener` with gateways whose lease has ended: they stopped, or have been dead or cut off for LEASE_MS. */
  onGone(listener: (ids: string[]) => void): void;
  /** Calls `listener` after Redis lost the own lease: it was wiped or away for long, and may have lost more data. */
  onLeaseLost(listener: () => void): void;
  /** Gives up the lease. Never rejects. */
  stop(): Promise<void>;
}
