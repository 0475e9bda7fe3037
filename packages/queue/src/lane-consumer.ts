import type { LaneBatch } from '@chat-cluster/contracts';
import { type Logger, withDeadline } from '@chat-cluster/runtime';
import { Queue, Worker } from 'bullmq';
import { type QueueConnection, queueOptions } from './connection.ts';

/**
 * The consumer of one lane.
 *
 * A job of a lane is in one of three states. *Waiting*: in Redis, in the order in which batches were added. *Active*:
 * held by one worker of the whole cluster (global concurrency 1), its lock renewed every LOCK_MS / 2. *Gone*: done, and
 * removed. A worker that dies leaves its job active; when the lock has expired, the next stall check of any worker puts
 * the job back **in front** of those that wait, so order holds, and it runs again (the store is idempotent). The lane
 * stands still for at most LOCK_MS + STALL_CHECK_MS = 6 s then, which is why both are much shorter than BullMQ's 30 s.
 *
 * Jobs are never retried by BullMQ: a retried job would go behind its successors. What may pass is retried in place
 * by `process`, with the lane waiting and the lock renewed.
 */
export interface LaneConsumerOptions<Data> {
  queue: string;
  connection: QueueConnection;
  logger: Logger;
  /** Carries out one job. May see a job twice. A rejection is a fault: the job is kept as failed, the lane goes on. */
  process(data: Data): Promise<void>;
}

const LOCK_MS = 4_000;
const STALL_CHECK_MS = 2_000;
/** A job may lose its worker this often before it counts as poison: deploys and crashes are no fault of the job. */
const MAX_STALLS = 10;
/** Seconds of one blocking wait for a job. */
const DRAIN_DELAY_S = 2;
const CLOSE_DEADLINE_MS = 3_000;

export interface LaneConsumer {
  /** Waits for the job in hand (its commit and its reply), takes no further one. */
  close(): Promise<void>;
}

export async function consumeLane<Data = LaneBatch>(options: LaneConsumerOptions<Data>): Promise<LaneConsumer> {
  const { queue: name, connection, logger } = options;
  const queue = new Queue(name, queueOptions(connection));
  queue.on('error', () => {});
  await queue.setGlobalConcurrency(1);
  const worker = new Worker<Data>(name, (job) => options.process(job.data), {
    ...queueOptions(connection),
    concurrency: 1,
    lockDuration: LOCK_MS,
    stalledInterval: STALL_CHECK_MS,
    maxStalledCount: MAX_STALLS,
    drainDelay: DRAIN_DELAY_S,
    removeOnComplete: { count: 0 },
    removeOnFail: { age: 14 * 24 * 3600, count: 10_000 },
  });
  worker.on('error', (error) => logger.warn({ queue: name, reason: error.message }, 'lane: a fault of the queue'));
  worker.on('failed', (job, error) => logger.error({ queue: name, job: job?.id, err: error }, 'lane: a job failed'));
  worker.on('stalled', (job) => logger.warn({ queue: name, job }, 'lane: took over a job whose worker is gone'));
  await worker.waitUntilReady();
  return {
    async close() {
      // A job that waits for Postgres to come back can not be finished: its lock runs out and another worker takes it.
      await withDeadline(worker.close(), CLOSE_DEADLINE_MS, name).catch(() => worker.close(true));
      await queue.close();
    },
  };
}
