import { every, type Logger, withDeadline } from '@chat-cluster/runtime';
import { Queue } from 'bullmq';
import { type QueueServer, queueOptions } from './queue-server.ts';
import { logSometimes, RETRY_MS, SteadyWorker, workerNameOption } from './steady-worker.ts';

export interface RegularJobOptions {
  /** Name of the queue, which has only this job. */
  name: string;
  server: QueueServer;
  /** Time between two starts in the whole cluster, in ms; 0: the job is removed from the schedule and not run. */
  everyMs: number;
  /** One run. A rejection fails this job, and the next one starts as scheduled. */
  run(): Promise<unknown>;
  logger: Logger;
  /** Shown as the worker of a job. */
  workerName?: string;
  /** For tests: interval at which the schedule is written again, in ms. */
  checkMs?: number;
}

export interface RegularJob {
  /** Waits a short time for the job in progress. A job that is left is found by BullMQ's stall check of another worker. */
  close(): Promise<void>;
}

/** A wiped Redis has lost the schedule: all workers write it again at this interval, and on each new connection. */
const CHECK_MS = 10_000;
const CLOSE_MS = 500;
/** Ended jobs that Bull Board shows. */
const KEPT = { done: 10, failed: 100 };
const SCHEDULER = 'regular';

/**
 * Runs a job every `everyMs` on one worker of the cluster, through a job scheduler of BullMQ. The schedule is in Redis:
 * a job is due once, whichever number of workers waits for it, and BullMQ adds the next one when it starts. A run that
 * takes longer than the interval may overlap the next one on another worker, so `run` must allow for that. A worker has
 * one more blocking connection for it.
 *
 * Writing the schedule again changes nothing while it is intact, and repairs one whose next job is missing: BullMQ does
 * not add it if the worker dies at that moment.
 */
export function startRegularJob(options: RegularJobOptions): RegularJob {
  const { name, server, everyMs, logger, checkMs = CHECK_MS } = options;
  // Each run would be a trace of its own, of a span without duration.
  const settings = queueOptions({ ...server, telemetry: undefined });
  const queue = new Queue(name, settings);
  queue.on('error', () => {});
  const worker = everyMs > 0 ? startWorker(options, settings) : undefined;
  const checks = every(
    checkMs,
    () => writeSchedule(queue, everyMs),
    (error) =>
      logger.warn({ queue: name, reason: String(error) }, 'jobs: writing the schedule failed and will be repeated'),
  );
  server.connection.setMaxListeners(server.connection.getMaxListeners() + 1);
  server.connection.on('ready', checks.now);
  if (worker) server.client.onMoved(() => void worker.renew().catch(() => {}));
  checks.now();
  return {
    async close() {
      server.connection.off('ready', checks.now);
      server.connection.setMaxListeners(server.connection.getMaxListeners() - 1);
      // A check in progress may wait for a Redis that is away.
      void checks.stop();
      if (worker) await withDeadline(worker.close(), CLOSE_MS, name).catch(() => {});
      await withDeadline(queue.close(), CLOSE_MS, name).catch(() => {});
    },
  };
}

async function writeSchedule(queue: Queue, everyMs: number): Promise<void> {
  const current = await queue.getJobScheduler(SCHEDULER);
  // BullMQ would keep the phase of the old interval: the first job would start after up to that time.
  if (current && current.every !== everyMs) await queue.removeJobScheduler(SCHEDULER);
  if (everyMs === 0) return;
  const opts = { removeOnComplete: { count: KEPT.done }, removeOnFail: { count: KEPT.failed } };
  await queue.upsertJobScheduler(SCHEDULER, { every: everyMs }, { name: queue.name, opts });
}

function startWorker(
  { name, run, logger, workerName }: RegularJobOptions,
  settings: ReturnType<typeof queueOptions>,
): SteadyWorker {
  const worker = new SteadyWorker(name, run, {
    ...settings,
    ...workerNameOption(workerName),
    concurrency: 1,
    // A job whose worker died is run again, however often that happens.
    maxStalledCount: Number.MAX_SAFE_INTEGER,
    runRetryDelay: RETRY_MS,
  });
  worker.on('error', logSometimes(name, logger, 'jobs: a BullMQ command failed'));
  worker.on('failed', (_job, error) => logger.debug({ queue: name, reason: error.message }, 'jobs: a run failed'));
  return worker;
}
