import type { LaneBatch } from '@chat-cluster/contracts';
import { type Logger, persist, withDeadline } from '@chat-cluster/runtime';
import { Queue } from 'bullmq';
import { type QueueConnection, queueOptions } from './connection.ts';
import { type FailedJob, sweepFailedJobs } from './failed-jobs.ts';
import { type JoinRule, readJobsBehind, removeJobs } from './jobs-behind.ts';
import { holdOf, type LaneHold, LaneWorker, LeaveJob, RETRY_MS } from './lane-job.ts';

/**
 * The consumer of one lane.
 *
 * A job of a lane is in one of four states. *Waiting*: in Redis, in the order in which batches were added. *Active*:
 * held by one worker of the whole cluster (global concurrency 1), its lock renewed every 1 to 2 s. *Failed*: given up,
 * see below. *Gone*: done, and removed. A worker that dies leaves its job active; when the lock has expired, the next
 * stall check of any worker puts the job back **in front** of those that wait, so order holds, and it runs again (the
 * store is idempotent). The lane stands still for LOCK_MS + 2 * STALL_CHECK_MS = 5 s at most then (and while no
 * worker is left, until one has started): why both are much shorter than BullMQ's 30 s.
 *
 * Jobs are never retried by BullMQ: a retried job would go behind its successors. What may pass is retried in place
 * by `process`, with the lane waiting and the lock renewed. A job fails when `process` throws or when it has lost
 * MAX_STALLS workers; failed jobs are handed to `giveUp`, now and at every start, and removed.
 *
 * A gateway has one job at a time in a lane, so the more gateways there are, the more and smaller jobs wait. A busy lane
 * therefore takes along what waits behind the job in hand (`join`), and carries it out in one run: the cost of a run is
 * shared by the gateways, and nobody waits for a turn of each of them. A run that fails is repeated with its own job alone.
 *
 * That global concurrency is a setting in Redis, which a Redis that comes back empty has forgotten, so it is set again
 * on every connection and every 2 s. The same care looks for a consumer that no longer takes jobs, and replaces it.
 */
export interface LaneConsumerOptions<Data> {
  queue: string;
  connection: QueueConnection;
  logger: Logger;
  /**
   * Carries out one job. May see a job twice. A rejection is a fault: the job is given up, the lane goes on; a
   * `LeaveJob` leaves it to another worker. `behind`: data of jobs to be carried out with it, in their order.
   */
  process(data: Data, hold: LaneHold, behind: Data[]): Promise<void>;
  /** Absent: jobs are carried out one by one. */
  join?: JoinRule<Data>;
  /** Takes over jobs that were given up; may see one twice. Absent: they stay in Redis as failed ones. */
  giveUp?(jobs: FailedJob[]): Promise<void>;
  /** Calls `listener` when `connection` leads to another server than before: blocking ones must not stay behind. */
  onMoved?(listener: () => void): void;
  /** For tests: milliseconds between two looks after the lane, and until a consumer that takes no jobs is replaced. */
  care?: { everyMs: number; wedgedAfterMs: number };
}

/** Much shorter, and a busy moment of the process or of Redis would cost a lane its worker. */
const LOCK_MS = 3_000;
const STALL_CHECK_MS = 1_000;
/** A job may lose its worker this often before it counts as poison: deploys and crashes are no fault of the job. */
const MAX_STALLS = 10;
/** A job taken so soon after the end of the last one has waited for it: the lane is busy, and others may wait too. */
const BUSY_MS = 10;
/** Seconds of one blocking wait for a job. */
const DRAIN_DELAY_S = 2;
const CLOSE_DEADLINE_MS = 2_000;
const CLOSE_WITHOUT_REDIS_MS = 300;
const CARE = { everyMs: 2_000, wedgedAfterMs: 30_000 };

export interface LaneConsumer {
  /** Waits for the job in hand (its commit and its reply), takes no further one. */
  close(): Promise<void>;
}

export async function consumeLane<Data = LaneBatch>(options: LaneConsumerOptions<Data>): Promise<LaneConsumer> {
  const { queue: name, connection, logger, care: { everyMs, wedgedAfterMs } = CARE } = options;
  const queue = new Queue(name, queueOptions(connection));
  queue.on('error', () => {});
  await persist(name, logger, () => queue.setGlobalConcurrency(1));
  const sweep = createSweep(options, queue);
  let worker = startWorker(options, queue, sweep);
  await persist(name, logger, () => worker.waitUntilReady());

  const wedge = createWedgeWatch(queue, connection, wedgedAfterMs);
  const care = async () => {
    await queue.setGlobalConcurrency(1);
    if ((await connection.zcard(queue.toKey('failed'))) > 0) sweep();
    if (!(await wedge())) return;
    logger.error(
      { queue: name },
      'lane: jobs wait and nobody takes them, although redis answers; a new consumer starts',
    );
    const old = worker;
    worker = startWorker(options, queue, sweep);
    await withDeadline(old.close(true), CLOSE_DEADLINE_MS, name);
  };
  const stopCare = regularly(care, everyMs, connection);
  sweep();
  options.onMoved?.(() => void worker.renew().catch(() => {}));

  return {
    async close() {
      stopCare();
      // A job that waits for something to come back can not be finished: its lock runs out and another worker takes it.
      const patience = connection.status === 'ready' ? CLOSE_DEADLINE_MS : CLOSE_WITHOUT_REDIS_MS;
      await withDeadline(worker.close(), patience, name).catch((error: Error) =>
        logger.warn({ queue: name, reason: error.message }, 'lane: closed without waiting any longer'),
      );
      await withDeadline(queue.close(), CLOSE_WITHOUT_REDIS_MS, name).catch(() => {});
    },
  };
}

function startWorker<Data>(options: LaneConsumerOptions<Data>, queue: Queue, sweep: () => void): LaneWorker<Data> {
  const { queue: name, connection, logger } = options;
  const carryOut = createRun(options, queue);
  const worker = new LaneWorker<Data>(
    name,
    (job, token) =>
      carryOut(
        job.data,
        job.processedOn ?? 0,
        holdOf(job, token, () => connection.get(`${queue.toKey(job.id ?? '')}:lock`)),
      ),
    {
      ...queueOptions(connection),
      concurrency: 1,
      lockDuration: LOCK_MS,
      stalledInterval: STALL_CHECK_MS,
      maxStalledCount: MAX_STALLS,
      drainDelay: DRAIN_DELAY_S,
      // BullMQ's own 15 s would be the pause of a lane after each short outage.
      runRetryDelay: RETRY_MS,
      removeOnComplete: { count: 0 },
    },
  );
  worker.on('error', (error) => logger.warn({ queue: name, reason: error.message }, 'lane: a fault of the queue'));
  worker.on('failed', (job, error) => {
    logger.error({ queue: name, job: job?.id, err: error }, 'lane: a job failed');
    sweep();
  });
  worker.on('stalled', (job) => logger.warn({ queue: name, job }, 'lane: took over a job whose worker is gone'));
  return worker;
}

/** Carries out a job, with what waits behind it when the lane is busy. */
function createRun<Data>(
  { connection, process, join }: LaneConsumerOptions<Data>,
  queue: Queue,
): (data: Data, takenAt: number, hold: LaneHold) => Promise<void> {
  if (!join) return (data, _takenAt, hold) => process(data, hold, []);
  let endedAt = 0;
  const run = async (data: Data, takenAt: number, hold: LaneHold) => {
    const isBusy = takenAt - endedAt < BUSY_MS;
    const jobs = isBusy ? await readJobsBehind(queue, connection, data, join).catch(() => []) : [];
    if (jobs.length === 0) return process(data, hold, []);
    const behind = jobs.map((job) => job.data);
    try {
      await process(data, hold, behind);
    } catch (error) {
      if (error instanceof LeaveJob) throw error;
      return process(data, hold, []);
    }
    await removeJobs(queue, jobs);
  };
  return (data, takenAt, hold) =>
    run(data, takenAt, hold).finally(() => {
      // On the clock of `takenAt`: BullMQ asks for the next job as it reports the end of this one.
      endedAt = Date.now();
    });
}

/** One sweep at a time; one asked for meanwhile follows. A fault is left to the next care. */
function createSweep<Data>(
  { giveUp, connection, logger, queue: name }: LaneConsumerOptions<Data>,
  queue: Queue,
): () => void {
  if (!giveUp) return () => {};
  let again = false;
  let sweeping = false;
  const sweep = async () => {
    if (sweeping) {
      again = true;
      return;
    }
    sweeping = true;
    again = false;
    await sweepFailedJobs(queue, connection, giveUp).catch((error: Error) =>
      logger.warn({ queue: name, reason: error.message }, 'lane: failed jobs are still to be swept'),
    );
    sweeping = false;
    if (again) void sweep();
  };
  return () => void sweep();
}

/** Resolves true when the same job has headed the lane, with none active, at each look of the last `ms`. */
function createWedgeWatch(queue: Queue, connection: QueueConnection, ms: number): () => Promise<boolean> {
  let head: string | undefined;
  let since = 0;
  return async () => {
    const [next] = await connection.lrange(queue.toKey('wait'), -1, -1);
    const active = await connection.llen(queue.toKey('active'));
    const now = performance.now();
    if (next === undefined || active > 0 || next !== head) {
      head = active > 0 ? undefined : next;
      since = now;
      return false;
    }
    if (now - since < ms) return false;
    head = undefined;
    return true;
  };
}

/** Runs `care` every `everyMs` and on every new connection, once at a time; its faults are those of Redis, which show elsewhere. */
function regularly(care: () => Promise<void>, everyMs: number, connection: QueueConnection): () => void {
  let caring = false;
  const run = () => {
    if (caring) return;
    caring = true;
    void care()
      .catch(() => {})
      .finally(() => {
        caring = false;
      });
  };
  const timer = setInterval(run, everyMs);
  timer.unref();
  // One listener a lane.
  connection.setMaxListeners(connection.getMaxListeners() + 1);
  connection.on('ready', run);
  return () => {
    clearInterval(timer);
    connection.off('ready', run);
    connection.setMaxListeners(connection.getMaxListeners() - 1);
  };
}
