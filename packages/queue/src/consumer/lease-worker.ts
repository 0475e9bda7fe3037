import { setTimeout as delay } from 'node:timers/promises';
import type { RedisClient } from '@chat-cluster/redis';
import type { Logger } from '@chat-cluster/runtime';
import type { Job, Queue, Worker } from 'bullmq';
import { LOCK_MS } from '../lane-stream.ts';
import { LaneLeft, LEASE, leaseKeyOf } from './lane-lease.ts';
import type { LaneService } from './lane-service.ts';
import { type QueueServer, queueOptions } from './queue-server.ts';
import { logSometimes, RETRY_MS, SteadyWorker, workerNameOption } from './steady-worker.ts';

/** Interval of BullMQ's search for locks that ran out, in ms. */
const STALL_CHECK_MS = 1_000;
/** Seconds of one blocking wait for a lease. */
const DRAIN_DELAY_S = 2;

export interface LeaseWorkerOptions {
  lane: string;
  server: QueueServer;
  logger: Logger;
  /** Shown as the holder of the lane. */
  workerName?: string | undefined;
  /** Serves the lane while this worker has the lease. */
  service: Pick<LaneService<never>, 'serve'>;
}

/**
 * A candidate for the lease of a lane: BullMQ's worker on the lane's queue.
 *
 * The lease is the only BullMQ job of the lane, and one worker of the whole cluster has it at a time. It is never
 * completed. It is active while its holder lives and keeps it. It returns to the waiting jobs when the holder leaves
 * the lane. After the holder died, BullMQ's stall check returns it within LOCK_MS + 2 × STALL_CHECK_MS = 5 s: one check
 * marks the lease, its lock ends, and a later check returns it. With BullMQ's defaults, 30 s each, a lane would stand
 * still for a minute after each crash.
 *
 * BullMQ only elects the worker; batches do not pass through it. One job for each batch, the common use of BullMQ,
 * costs three scripts in Redis, four entries in an event stream and two wake-ups a batch, and at 500 messages a
 * second most batches have one message.
 *
 * The lease can be left (LaneLeft): it goes back to the front of the waiting jobs and counts as no failure.
 */
export class LeaseWorker extends SteadyWorker {
  constructor({ lane, server, logger, workerName, service }: LeaseWorkerOptions) {
    super(lane, (job: Job, token = '') => service.serve(token, job.processedOn ?? 0), {
      ...queueOptions(server),
      ...workerNameOption(workerName),
      concurrency: 1,
      lockDuration: LOCK_MS,
      stalledInterval: STALL_CHECK_MS,
      // Any number of workers may end with the lease. Those that end during a batch are counted by countLoss.
      maxStalledCount: Number.MAX_SAFE_INTEGER,
      drainDelay: DRAIN_DELAY_S,
      runRetryDelay: RETRY_MS,
    });
    this.on('error', logSometimes(lane, logger, 'lane: a BullMQ command failed'));
    this.on('failed', (_job, error) => logger.error({ queue: lane, err: error }, 'lane: serving it failed'));
    this.on('stalled', () => logger.warn({ queue: lane }, 'lane: taken over from a dead worker'));
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

/** Adds the lease of a lane, unless it exists. */
export async function offerLease(queue: Queue, client: RedisClient): Promise<void> {
  if ((await client.exists(leaseKeyOf(queue.name))) > 0) return;
  await queue.add(LEASE, {}, { jobId: LEASE, removeOnComplete: true, removeOnFail: true });
}
