import { CLUSTER_NAME, type RedisClient } from '@chat-cluster/redis';
import { retry, withDeadline } from '@chat-cluster/runtime';
import { type LaneLock, LOCK_MS } from '../lane-stream.ts';

/** The hold of this worker on a lane, for code that processes a batch. */
export interface LaneHold {
  /**
   * False when the lane no longer belongs to this worker: the process was paused, or Redis was away, for longer than
   * the lock lasts, so another worker has taken the lane or will take it. Reads Redis only when the lock can have run
   * out, and waits for its response; false when this process stops meanwhile.
   */
  held(): Promise<boolean>;
  /** The batches may have waited when this worker took the lane: an earlier worker may have stored and not published them. */
  readonly mayRepeat?: boolean;
}

/**
 * Thrown during the processing of a batch that another worker must process: the lane was lost, or this process stops.
 * The batch counts as neither done nor failed. If this worker still holds the lane, another one takes it at once.
 */
export class LaneLeft extends Error {
  /** Milliseconds for which this worker does not request the lane again. */
  readonly restMs: number;

  constructor(reason: string, restMs = 0) {
    super(`left to another worker: ${reason}`);
    this.name = 'LaneLeft';
    this.restMs = restMs;
  }
}

/** Id and name of the BullMQ job that is the lease of a lane (lease-worker.ts). */
export const LEASE = 'serve';

/** Key of a lane's lease; its lock is at `<key>:lock`. */
export function leaseKeyOf(lane: string): string {
  return `${CLUSTER_NAME}:${lane}:${LEASE}`;
}

/** Age in ms up to which a lock cannot have run out: well below LOCK_MS. */
const SAFE_AGE_MS = LOCK_MS / 3;
const READ_DEADLINE_MS = 2_000;

/** The lease of a lane, from the moment at which this worker took it. */
export class Lease implements LaneHold, LaneLock {
  readonly key: string;
  readonly token: string;
  mayRepeat = true;
  #client: RedisClient;
  #stop: AbortSignal;
  /** `performance.now()` up to which the lock cannot have run out. */
  #safeUntil: number;

  /** `takenAt`: when the lock was taken, in ms of the epoch. `stop` ends the wait for a response of Redis. */
  constructor(
    client: RedisClient,
    lane: string,
    { token, takenAt, stop }: { token: string; takenAt: number; stop: AbortSignal },
  ) {
    this.key = `${leaseKeyOf(lane)}:lock`;
    this.token = token;
    this.#client = client;
    this.#stop = stop;
    const age = Date.now() - takenAt;
    this.#safeUntil = age >= 0 ? performance.now() - age + SAFE_AGE_MS : 0;
  }

  async held(): Promise<boolean> {
    if (performance.now() < this.#safeUntil) return true;
    const holder = () => withDeadline(this.#client.get(this.key), READ_DEADLINE_MS, 'lock');
    return retry(holder, { minMs: 50, maxMs: 1_000, signal: this.#stop }).then(
      (token) => token === this.token,
      () => false,
    );
  }

  /** Records that Redis renewed the lock for a command sent at `performance.now()` = `sentAt`. */
  renewed(sentAt: number): void {
    this.#safeUntil = sentAt + SAFE_AGE_MS;
  }
}
