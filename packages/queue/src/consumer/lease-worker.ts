import { setTimeout as delay } from 'node:timers/promises';
import type { RedisClient } from '@chat-cluster/redis';
import type { Logger } from '@chat-cluster/runtime';
import { type Job, type Queue, Worker } from 'bullmq';
import { ErrorReply } from 'redis';
import { LOCK_MS } from '../lane-stream.ts';
import { LaneLeft, LEASE, leaseKeyOf } from './lane-lease.ts';
import type { LaneService } from './lane-service.ts';
import { type QueueServer, queueOptions } from './queue-server.ts';

/** Interval of BullMQ's search for locks that ran out, in ms. */
const STALL_CHECK_MS = 1_000;
/** Pause after a fault of Redis before the lease is requested again, in ms. BullMQ's default is 15 s. */
const RETRY_MS = 1_000;
/** Shortest time between two lines about failed commands of a lane, in ms. */
const LOG_EVERY_MS = 10_000;
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
 * It differs from BullMQ's worker in five ways:
 * - The lease can be left (LaneLeft): it goes back to the front of the waiting jobs and counts as no failure.
 * - After its blocking connection was lost, BullMQ's worker waits for up to ten seconds, even for a job whose wake-up
 *   was lost with the connection. This one never waits for longer than `drainDelay`.
 * - After a failover BullMQ's worker may wait at the old primary until that one wakes up or is demoted. `renew` ends
 *   that.
 * - After a fault it requests the lease again after RETRY_MS.
 * - So it does after a refusal of Redis (a replica, a full server), after which BullMQ's worker requests it at once, a
 *   thousand times per second.
 */
export class LeaseWorker extends Worker<unknown> {
  constructor({ lane, server, logger, workerName, service }: LeaseWorkerOptions) {
    super(lane, (job: Job, token = '') => service.serve(token, job.processedOn ?? 0), {
      ...queueOptions(server),
      // It also becomes the name of a connection, in which Redis accepts no spaces.
      ...(workerName ? { name: workerName.replace(/[^\x21-\x7e]/g, '_') } : {}),
      concurrency: 1,
      lockDuration: LOCK_MS,
      stalledInterval: STALL_CHECK_MS,
      // Any number of workers may end with the lease. Those that end during a batch are counted by countLoss.
      maxStalledCount: Number.MAX_SAFE_INTEGER,
      drainDelay: DRAIN_DELAY_S,
      runRetryDelay: RETRY_MS,
    });
    this.on('error', logSometimes(lane, logger));
    this.on('failed', (_job, error) => logger.error({ queue: lane, err: error }, 'lane: serving it failed'));
    this.on('stalled', () => logger.warn({ queue: lane }, 'lane: taken over from a dead worker'));
  }

  /**
   * Opens a new blocking connection. Does nothing while it reconnects by itself: node-redis would then make two
   * connections, and the time-out of the unused one would end the other.
   */
  async renew(): Promise<void> {
    const { blockingConnection } = this.backend as unknown as BlockingBackend;
    if ((await blockingConnection?.client)?.status !== 'ready') return;
    await this.backend.disconnectBlocking();
    await this.backend.reconnectBlocking();
  }

  protected override async moveToActive(
    ...args: Parameters<Worker<unknown>['moveToActive']>
  ): ReturnType<Worker<unknown>['moveToActive']> {
    try {
      return await super.moveToActive(...args);
    } catch (error) {
      if (error instanceof ErrorReply && !this.closing) await delay(RETRY_MS);
      throw error;
    }
  }

  protected override checkConnectionError<T>(run: () => Promise<T>): Promise<T | undefined> {
    return super.checkConnectionError(run, RETRY_MS);
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

/** Logs the first of the failed commands within LOG_EVERY_MS, with the number of those that were not logged before it. */
function logSometimes(lane: string, logger: Logger): (error: Error) => void {
  let loggedAt = Number.NEGATIVE_INFINITY;
  let others = 0;
  return ({ message: reason }) => {
    if (performance.now() - loggedAt < LOG_EVERY_MS) {
      others++;
      return;
    }
    logger.warn({ queue: lane, reason, ...(others > 0 && { others }) }, 'lane: a BullMQ command failed');
    loggedAt = performance.now();
    others = 0;
  };
}

/** A private part of BullMQ's backend. */
interface BlockingBackend {
  blockingConnection?: { client: Promise<{ status: string }> };
}

/** Adds the lease of a lane, unless it exists. */
export async function offerLease(queue: Queue, client: RedisClient): Promise<void> {
  if ((await client.exists(leaseKeyOf(queue.name))) > 0) return;
  await queue.add(LEASE, {}, { jobId: LEASE, removeOnComplete: true, removeOnFail: true });
}
