import { every, type Logger, withDeadline } from '@chat-cluster/runtime';
import { Gauge } from 'prom-client';
import { CLUSTER_NAME } from '../cluster-name.ts';
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
const KEY = `${CLUSTER_NAME}:gateways`;

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
 * The gateway processes that are alive. Each one has a lease in Redis that it renews: one command per HEARTBEAT_MS,
 * whatever the number of users.
 *
 * While Redis is away no gateway can renew its lease, so all leases may have ended when it returns, and live gateways
 * are missing until their next heartbeat. So a gateway is reported as gone only when this process has reached Redis for
 * the duration of a whole lease.
 */
export class GatewayRegistry {
  /** Id of this process; each start has a new one. */
  readonly id: string;
  #client: RedisClient;
  #logger: Logger;
  #goneListeners: ((ids: string[]) => void)[] = [];
  #leaseLostListeners: (() => void)[] = [];
  #live: ReadonlySet<string>;
  #joined = false;
  #steadySince = performance.now();
  #lastHeartbeat = performance.now();
  // An outage shows in the pulse of the connection, and is logged there.
  #heartbeat = every(HEARTBEAT_MS, () => this.#renewLease());
  #stopped = false;

  constructor(client: RedisClient, id: string, logger: Logger) {
    this.id = id;
    this.#client = client;
    this.#logger = logger;
    this.#live = new Set([id]);
  }

  /** Resolves after the first heartbeat. Never rejects. */
  async join(): Promise<void> {
    await this.#renewLease().catch(() => {});
  }

  /** Ids of the gateways that had a lease at the last heartbeat. */
  live(): ReadonlySet<string> {
    return this.#live;
  }

  /** Calls `listener` with gateways whose lease has ended: they stopped, or have been dead or cut off for LEASE_MS. */
  onGone(listener: (ids: string[]) => void): void {
    this.#goneListeners.push(listener);
  }

  /** Calls `listener` after Redis lost the lease of this gateway (a wipe, a long outage) and maybe more data. */
  onLeaseLost(listener: () => void): void {
    this.#leaseLostListeners.push(listener);
  }

  /** Gives up the lease. Never rejects. */
  async stop(): Promise<void> {
    this.#stopped = true;
    void this.#heartbeat.stop();
    await withDeadline(this.#client.zRem(KEY, this.id), DEADLINE_MS, 'registry').catch(() => {});
  }

  async #renewLease(): Promise<void> {
    const answer = await withDeadline(
      this.#client.eval(RENEW_LEASE, { keys: [KEY], arguments: [this.id, String(LEASE_MS)] }),
      DEADLINE_MS,
      'registry',
    );
    if (!Array.isArray(answer) || this.#stopped) return;
    const [hadLease, ...ids] = answer.map(String);
    const gone = this.#update(new Set(ids));
    if (hadLease === '0' && this.#joined) for (const listener of this.#leaseLostListeners) listener();
    this.#joined = true;
    if (gone.length === 0) return;
    this.#logger.info({ gateways: gone.length }, 'registry: gateways are gone');
    for (const listener of this.#goneListeners) listener(gone);
  }

  /** Returns the gateways that are gone. */
  #update(leased: ReadonlySet<string>): string[] {
    const now = performance.now();
    if (now - this.#lastHeartbeat > HEARTBEAT_MS * 2) this.#steadySince = now;
    this.#lastHeartbeat = now;
    const isSteady = now - this.#steadySince >= LEASE_MS;
    const gone = [...this.#live].filter((id) => !leased.has(id));
    // After an outage, missing gateways count as live for the duration of one lease.
    this.#live = isSteady ? leased : new Set([...this.#live, ...leased]);
    alive.set(this.#live.size);
    return isSteady ? gone : [];
  }
}

export async function joinGatewayRegistry(client: RedisClient, id: string, logger: Logger): Promise<GatewayRegistry> {
  const registry = new GatewayRegistry(client, id, logger);
  await registry.join();
  return registry;
}
