import { randomUUID } from 'node:crypto';
import { CLUSTER_NAME, type RedisClient } from '@chat-cluster/redis';
import { every, type Repetition } from '@chat-cluster/runtime';

/** The share of one worker in the lanes of one kind. */
export interface LaneShare {
  /** True when this worker has more than its share and must leave a lane now. True for one lane at a time. */
  shouldLeaveLane(): boolean;
  /** Call them when this worker has taken a lane, and when it has left one. */
  laneTaken(): void;
  laneLeft(): void;
}

/** Interval of heartbeats, in ms. */
const HEARTBEAT_MS = 1_000;
/** Age of the last heartbeat, in ms, from which a worker no longer counts. */
const DEAD_AFTER_MS = 4_000;
/** Pause between two lanes that a worker leaves, in ms: by then another worker has taken the first one. */
const PAUSE_MS = 500;

/**
 * Spreads lanes evenly over the workers of the cluster. A worker keeps its lanes, so the first worker to start has them
 * all. Each worker counts the others, and a worker with more than its even share leaves lanes, one after the other.
 * While Redis is away, no lane moves.
 */
export class LaneShares {
  #client: RedisClient;
  #id = randomUUID();
  #workers = 1;
  #heartbeats: Repetition;

  constructor(client: RedisClient) {
    this.#client = client;
    this.#heartbeats = every(HEARTBEAT_MS, () => this.#sendHeartbeat());
    this.#heartbeats.now();
  }

  /** The share in `lanes` lanes of one kind. */
  shareOf(lanes: number): LaneShare {
    let held = 0;
    let pauseUntil = 0;
    return {
      shouldLeaveLane: () => {
        const now = performance.now();
        if (held <= Math.ceil(lanes / this.#workers) || now < pauseUntil) return false;
        pauseUntil = now + PAUSE_MS;
        return true;
      },
      laneTaken: () => void held++,
      laneLeft: () => void held--,
    };
  }

  /** Removes this worker from the count of the others. */
  async stop(): Promise<void> {
    void this.#heartbeats.stop();
    if (this.#client.isReady) await this.#client.zRem(KEY, this.#id).catch(() => {});
  }

  async #sendHeartbeat(): Promise<void> {
    if (!this.#client.isReady) return;
    const workers = await this.#client.eval(HEARTBEAT, { keys: [KEY], arguments: [this.#id, String(DEAD_AFTER_MS)] });
    this.#workers = Math.max(1, Number(workers));
  }
}

const KEY = `${CLUSTER_NAME}:workers`;

/** KEYS: workers by time of heartbeat. ARGV: own id, DEAD_AFTER_MS. Adds a heartbeat; returns the number of workers. */
const HEARTBEAT = `
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
redis.call('ZADD', KEYS[1], ms, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ms - ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])`;
