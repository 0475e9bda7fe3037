import { randomUUID } from 'node:crypto';
import type { RedisClient } from '@chat-cluster/redis';
import { QUEUE_PREFIX } from './lanes.ts';

/** How many lanes of one kind a worker keeps while others want some. */
export interface Share {
  /** Whether this worker is to leave a lane now. Says so for one lane at a time. */
  isTooLarge(): boolean;
  got(): void;
  left(): void;
}

const BEAT_MS = 1_000;
/** A worker that has not been heard of for so long wants no lanes. */
const GONE_MS = 4_000;
/** From one lane that is left to the next: by then somebody has it, and it counts. */
const PAUSE_MS = 500;

/** KEYS: the workers, by time. ARGV: own id, GONE_MS. Says that this one is there; returns how many are. */
const BEAT = `
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
redis.call('ZADD', KEYS[1], ms, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ms - ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])`;

/**
 * Spreads lanes over the workers of the cluster. A lane is held for as long as its worker likes, so the first worker to
 * start has them all; each worker counts the others, and one with more than its even share leaves lanes, one after the
 * other. While Redis is away, nothing moves.
 */
export class LaneShares {
  #client: RedisClient;
  #id = randomUUID();
  #workers = 1;
  #timer: NodeJS.Timeout;

  constructor(client: RedisClient) {
    this.#client = client;
    this.#timer = setInterval(() => this.#beat(), BEAT_MS);
    this.#timer.unref();
    this.#beat();
  }

  /** Of `lanes` lanes of one kind. */
  of(lanes: number): Share {
    let held = 0;
    let quietUntil = 0;
    return {
      isTooLarge: () => {
        const now = performance.now();
        if (held <= Math.ceil(lanes / this.#workers) || now < quietUntil) return false;
        quietUntil = now + PAUSE_MS;
        return true;
      },
      got: () => void held++,
      left: () => void held--,
    };
  }

  /** The others count without this worker from now on. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#client.isReady) await this.#client.zRem(KEY, this.#id).catch(() => {});
  }

  #beat(): void {
    if (!this.#client.isReady) return;
    this.#client
      .eval(BEAT, { keys: [KEY], arguments: [this.#id, String(GONE_MS)] })
      .then((workers) => {
        this.#workers = Math.max(1, Number(workers));
      })
      .catch(() => {});
  }
}

const KEY = `${QUEUE_PREFIX}:workers`;
