import { type Job, type JobJson, Worker } from 'bullmq';

/** What the processing of a job knows of its hold on the lane. */
export interface LaneHold {
  /**
   * False when the job is no longer this worker's: the process was paused, or Redis away, for longer than the lock
   * lasts, so another worker has taken the lane or will. Asks Redis only when that is possible at all. Waits while
   * Redis does not answer; rejects when it refuses to.
   */
  held(): Promise<boolean>;
}

/**
 * To be thrown by the processing of a job that is to be done by somebody else: because the hold on it was lost, or
 * because this process stops. The job counts as neither done nor failed; while it is still ours it goes back to the
 * front of its lane.
 */
export class LeaveJob extends Error {
  constructor(why: string) {
    super(`left to another worker: ${why}`);
    this.name = 'LeaveJob';
  }
}

/** After a fault of Redis, before a worker asks again. */
export const RETRY_MS = 1_000;
/** Younger than this, a job's lock (LOCK_MS, 3 s) can not have run out. */
const SURE_MS = 1_000;

/**
 * BullMQ's worker, with five things that a lane needs beyond it:
 * - A job whose data is no JSON throws in the worker's fetch loop, stays active and holds its lane for ever. Here it
 *   fails like any job that can not be done.
 * - A job that was carried out, but whose completion Redis did not take, would be moved to the failed ones. Here its
 *   completion is tried again; at worst it stays active and runs again, which it may.
 * - A job can be left (LeaveJob).
 * - After its blocking connection was lost, a worker waits for up to ten seconds, and in vain for a job whose wake-up
 *   went with the connection. Here it never waits for longer than `drainDelay` before it looks.
 * - After a failover it may go on waiting at the old primary until that one wakes up or is demoted (`renew`).
 */
export class LaneWorker<Data> extends Worker<Data> {
  #unreadable = new WeakSet<Job>();
  #done = new WeakSet<Job>();

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

  protected override createJob(json: JobJson, id: string): Job<Data> {
    if (isJson(json.data)) return super.createJob(json, id);
    const job = super.createJob({ ...json, data: '{}' }, id);
    this.#unreadable.add(job);
    return job;
  }

  protected override async callProcessJob(job: Job<Data>, token: string, signal?: AbortSignal): Promise<unknown> {
    if (this.#unreadable.has(job)) throw new Error('the data of the job is no JSON');
    const result = await super.callProcessJob(job, token, signal);
    this.#done.add(job);
    return result;
  }

  protected override async handleFailed(
    ...[error, job, token, fetchNext, span]: Parameters<Worker<Data>['handleFailed']>
  ): Promise<Job<Data>> {
    if (this.#done.has(job)) return this.handleCompleted(undefined, job, token, fetchNext, span);
    if (!(error instanceof LeaveJob)) return super.handleFailed(error, job, token, fetchNext, span);
    await job.moveToWait(token);
    return undefined as unknown as Job<Data>;
  }
}

/** The hold of the worker on `job`; `lock` reads its lock, which carries the token of its holder. */
export function holdOf(job: Job, token: string | undefined, lock: () => Promise<string | null>): LaneHold {
  const takenAt = job.processedOn ?? 0;
  return {
    async held() {
      const age = Date.now() - takenAt;
      if (age >= 0 && age < SURE_MS) return true;
      return (await lock()) === token;
    },
  };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text || '{}');
    return true;
  } catch {
    return false;
  }
}
