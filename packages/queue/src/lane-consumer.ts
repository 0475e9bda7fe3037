import type { LaneBatch } from '@chat-cluster/contracts';
import type { RedisClient } from '@chat-cluster/redis';
import { logFirstFailure, retry, withDeadline } from '@chat-cluster/runtime';
import { type Job, Queue } from 'bullmq';
import { type GivenUpBatch, sweepGivenUp } from './given-up.ts';
import { LaneWorker, LEASE, LOCK_MS, RETRY_MS, STALL_CHECK_MS } from './lane-lease.ts';
import { createLaneService, type LaneService, type LaneServiceOptions } from './lane-service.ts';
import { type QueueServer, queueOptions } from './queue-server.ts';

/**
 * The consumer of one lane: a candidate for its lease (lane-lease.ts), which serves the lane while it has it
 * (lane-service.ts).
 *
 * A batch of a lane is in one of four states. *Waiting*: in the lane's stream, in the order in which batches were
 * appended. *In hand*: still there, carried out by the worker that has the lane. *Given up*: taken out of the stream,
 * because `process` threw or MAX_LOSSES workers died of it, and handed to `giveUp`, now and at every start. *Gone*:
 * done, and deleted. A worker that dies leaves all as it is, and who gets the lane next does it again from the beginning
 * of the stream (the store is idempotent), so order holds. What may pass is retried in place by `process`, with the
 * lane waiting and the lock renewed.
 *
 * The lease is a BullMQ job, which a Redis that comes back empty has forgotten, so it is looked for on every connection
 * and every 2 s. The same care looks for a candidate that no longer takes a free lane, and replaces it.
 */
export interface LaneConsumerOptions<Data> extends LaneServiceOptions<Data> {
  /** Name of this process, by which others see that it has the lane (lane-holders.ts). */
  holder?: string;
  /** Takes over batches that were given up; may see one twice. Absent: they stay in Redis. */
  giveUp?(jobs: GivenUpBatch[]): Promise<void>;
  /** For tests: milliseconds between two looks after the lane, and until a candidate that takes no lease is replaced. */
  care?: { everyMs: number; wedgedAfterMs: number };
}

/** Seconds of one blocking wait for a lease. */
const DRAIN_DELAY_S = 2;
const CLOSE_DEADLINE_MS = 2_000;
const CLOSE_WITHOUT_REDIS_MS = 300;
const CARE = { everyMs: 2_000, wedgedAfterMs: 30_000 };

export interface LaneConsumer {
  /** Waits for the batch in hand (its commit and its reply), takes no further one, and frees the lane for others. */
  close(): Promise<void>;
}

export async function consumeLane<Data = LaneBatch>(options: LaneConsumerOptions<Data>): Promise<LaneConsumer> {
  const { queue: name, server, logger, care: { everyMs, wedgedAfterMs } = CARE } = options;
  const { client, connection } = server;
  const queue = new Queue(name, queueOptions(server));
  queue.on('error', () => {});
  const sweep = createSweep(options);
  const service = createLaneService(options, { lockKey: `${queue.toKey(LEASE)}:lock`, onGivenUp: sweep });
  let worker = startWorker(options, service);
  const onFailure = logFirstFailure(logger, name);
  await retry(() => worker.waitUntilReady(), { onFailure });
  await retry(() => offerLease(queue, client), { onFailure });

  const wedge = createWedgeWatch(queue, server, wedgedAfterMs);
  const care = async () => {
    await offerLease(queue, client);
    sweep();
    if (!(await wedge())) return;
    logger.error(
      { queue: name },
      'lane: it is free and nobody takes it, although redis answers; a new consumer starts',
    );
    const old = worker;
    worker = startWorker(options, service);
    await withDeadline(old.close(true), CLOSE_DEADLINE_MS, name);
  };
  const stopCare = regularly(care, everyMs, server);
  sweep();
  client.onMoved(() => {
    service.moved();
    void worker.renew().catch(() => {});
  });

  return {
    async close() {
      stopCare();
      service.stop();
      // A batch that waits for something to come back can not be finished: the lock runs out and another worker takes it.
      const patience = connection.status === 'ready' ? CLOSE_DEADLINE_MS : CLOSE_WITHOUT_REDIS_MS;
      await withDeadline(worker.close(), patience, name).catch((error: Error) =>
        logger.warn({ queue: name, reason: error.message }, 'lane: closed without waiting any longer'),
      );
      service.close();
      await withDeadline(queue.close(), CLOSE_WITHOUT_REDIS_MS, name).catch(() => {});
    },
  };
}

/** Makes the lane's only job, unless it is there. */
async function offerLease(queue: Queue, client: RedisClient): Promise<void> {
  if ((await client.exists(queue.toKey(LEASE))) > 0) return;
  await queue.add(LEASE, {}, { jobId: LEASE, removeOnComplete: true, removeOnFail: true });
}

function startWorker<Data>(options: LaneConsumerOptions<Data>, service: LaneService): LaneWorker {
  const { queue: name, server, logger, holder } = options;
  const worker = new LaneWorker(name, (job: Job, token = '') => service.serve(token, job.processedOn ?? 0), {
    ...queueOptions(server),
    // It becomes the name of a connection too, where Redis takes no spaces.
    ...(holder ? { name: holder.replace(/[^\x21-\x7e]/g, '_') } : {}),
    concurrency: 1,
    lockDuration: LOCK_MS,
    stalledInterval: STALL_CHECK_MS,
    // The lease outlives any number of workers; what a batch may outlive is counted elsewhere (MAX_LOSSES).
    maxStalledCount: Number.MAX_SAFE_INTEGER,
    drainDelay: DRAIN_DELAY_S,
    // BullMQ's own 15 s would be the pause of a lane after each short outage.
    runRetryDelay: RETRY_MS,
  });
  worker.on('error', (error) => logger.warn({ queue: name, reason: error.message }, 'lane: a fault of the queue'));
  worker.on('failed', (_job, error) => logger.error({ queue: name, err: error }, 'lane: its consumer failed'));
  worker.on('stalled', () => logger.warn({ queue: name }, 'lane: took it over from a worker that is gone'));
  return worker;
}

/** One sweep at a time; one asked for meanwhile follows. A fault is left to the next care. */
function createSweep<Data>({ giveUp, server, logger, queue: name }: LaneConsumerOptions<Data>): () => void {
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
    await sweepGivenUp(server.client, name, giveUp).catch((error: Error) =>
      logger.warn({ queue: name, reason: error.message }, 'lane: what was given up is still to be kept elsewhere'),
    );
    sweeping = false;
    if (again) void sweep();
  };
  return () => void sweep();
}

/** Resolves true when the lease has been free at each look of the last `ms`. */
function createWedgeWatch(queue: Queue, { connection }: QueueServer, ms: number): () => Promise<boolean> {
  let since: number | undefined;
  return async () => {
    const isFree =
      (await connection.llen(queue.toKey('wait'))) > 0 && (await connection.llen(queue.toKey('active'))) === 0;
    const now = performance.now();
    since = isFree ? (since ?? now) : undefined;
    if (since === undefined || now - since < ms) return false;
    since = undefined;
    return true;
  };
}

/** Runs `care` every `everyMs` and on every new connection, once at a time; its faults are those of Redis, which show elsewhere. */
function regularly(care: () => Promise<void>, everyMs: number, { connection }: QueueServer): () => void {
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
