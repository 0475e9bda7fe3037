import { setTimeout as delay } from 'node:timers/promises';
import { backoff, withDeadline } from '@chat-cluster/runtime';
import { type Job, Worker } from 'bullmq';

/**
 * A lane is held by one worker of the whole cluster: the one that has the lane's only BullMQ job. That job is never
 * done. It says "serve this lane", is active for as long as its holder lives and wants it, goes back to those that wait
 * when the holder leaves, and is taken away from a holder that died, by BullMQ's stall check: within
 * LOCK_MS + 2 * STALL_CHECK_MS = 5 s. (BullMQ's own 30 + 30 s would be the pause of a lane after each crash.)
 *
 * A job for every batch, as BullMQ is commonly used, cost a lane three scripts in Redis, four entries in an event stream and
 * two wake-ups a batch, and at 500 messages a second most batches have one message.
 */
export const LEASE = 'serve';

/** Much shorter, and a busy moment of the process or of Redis would cost a lane its worker. */
export const LOCK_MS = 3_000;
export const STALL_CHECK_MS = 1_000;
/** After a fault of Redis, before a worker asks again. */
export const RETRY_MS = 1_000;

/** What the processing of a batch knows of the hold on its lane. */
export interface LaneHold {
  /**
   * False when the lane is no longer this worker's: the process was paused, or Redis away, for longer than the lock
   * lasts, so another worker has taken the lane or will. Asks Redis only when that is possible at all, and waits until it
   * answers; false when this process stops meanwhile.
   */
  held(): Promise<boolean>;
}

/**
 * To be thrown by the processing of a batch that is to be done by somebody else: because the hold on the lane was lost,
 * or because this process stops. The batch counts as neither done nor failed; while the lane is still ours, it goes to
 * another worker at once.
 */
export class LaneLeft extends Error {
  /** For so long this worker does not ask for the lane again. */
  readonly restMs: number;

  constructor(why: string, restMs = 0) {
    super(`left to another worker: ${why}`);
    this.name = 'LaneLeft';
    this.restMs = restMs;
  }
}

const ASK_DEADLINE_MS = 2_000;
/** A lock younger than this (LOCK_MS, 3 s) can not have run out. */
const SURE_MS = 1_000;

/** The hold on a lane whose lock was taken at the epoch's millisecond `takenAt`; `lock` reads its holder's token, `stop` ends it. */
export class Lease implements LaneHold {
  readonly token: string;
  #lock: () => Promise<string | null>;
  #stop: AbortSignal;
  #sureUntil: number;

  constructor(token: string, takenAt: number, { lock, stop }: { lock(): Promise<string | null>; stop: AbortSignal }) {
    this.token = token;
    this.#lock = lock;
    this.#stop = stop;
    const age = Date.now() - takenAt;
    this.#sureUntil = age >= 0 ? performance.now() - age + SURE_MS : 0;
  }

  async held(): Promise<boolean> {
    for (let attempt = 0; performance.now() >= this.#sureUntil; attempt++) {
      try {
        return (await withDeadline(this.#lock(), ASK_DEADLINE_MS, 'lock')) === this.token;
      } catch {
        if (this.#stop.aborted) return false;
        await backoff(attempt, 50, 1_000, this.#stop).catch(() => {});
      }
    }
    return true;
  }

  /** The lock was seen to be ours and renewed, by a command sent when `performance.now()` was `at`. */
  renewed(at: number): void {
    this.#sureUntil = at + SURE_MS;
  }
}

/**
 * BullMQ's worker, with four things that a lane needs beyond it:
 * - The lease can be left (LaneLeft): it goes back to the front and counts as no failure.
 * - After its blocking connection was lost, a worker waits for up to ten seconds, and in vain for a job whose wake-up
 *   went with the connection. Here it never waits for longer than `drainDelay` before it looks.
 * - After a failover it may go on waiting at the old primary until that one wakes up or is demoted (`renew`).
 * - After a fault it asks again after RETRY_MS.
 */
export class LaneWorker extends Worker<unknown> {
  protected override checkConnectionError<T>(run: () => Promise<T>): Promise<T | undefined> {
    return super.checkConnectionError(run, RETRY_MS);
  }

  /** Makes the blocking connection anew. */
  async renew(): Promise<void> {
    await this.backend.disconnectBlocking();
    await this.backend.reconnectBlocking();
  }

  protected override getBlockTimeout(blockUntil: number): number {
    return Math.min(super.getBlockTimeout(blockUntil), this.opts.drainDelay ?? Number.POSITIVE_INFINITY);
  }

  protected override async handleFailed(
    ...[error, job, token, fetchNext, span]: Parameters<Worker<unknown>['handleFailed']>
  ): Promise<Job<unknown>> {
    if (!(error instanceof LaneLeft)) return super.handleFailed(error, job, token, fetchNext, span);
    await job.moveToWait(token);
    if (error.restMs > 0) await delay(error.restMs);
    return undefined as unknown as Job<unknown>;
  }
}
