import type { LaneBatch } from '@chat-cluster/contracts';
import { every, type Logger, logFirstFailure, type Repetition, retry, withDeadline } from '@chat-cluster/runtime';
import { Queue } from 'bullmq';
import { type GivenUpBatch, sweepGivenUp } from './given-up.ts';
import { LaneService, type LaneServiceOptions } from './lane-service.ts';
import { LeaseWorker, offerLease } from './lease-worker.ts';
import { type QueueServer, queueOptions } from './queue-server.ts';

export interface LaneConsumerOptions<Batch>
  extends Pick<LaneServiceOptions<Batch>, 'processor' | 'recounts' | 'publishesInOrder' | 'share'> {
  /** Name of the lane: inboxLane(n), recountLane(n). */
  lane: string;
  server: QueueServer;
  logger: Logger;
  /** Shown as the holder of the lane (lane-view.ts). */
  workerName?: string;
  /** Keeps given-up batches elsewhere; may get one twice. Absent: they stay in Redis. */
  keepGivenUp?(batches: GivenUpBatch[]): Promise<void>;
  /** For tests: interval of the checks, and how long a lane is unclaimed before its candidate is replaced, in ms. */
  checks?: { everyMs: number; unclaimedMs: number };
}

export interface LaneConsumer {
  /** Finishes the current run (its commit and replies), starts no further one, and frees the lane for other workers. */
  close(): Promise<void>;
}

const CHECKS = { everyMs: 2_000, unclaimedMs: 30_000 };
const CLOSE_DEADLINE_MS = 2_000;
const CLOSE_WITHOUT_REDIS_MS = 300;

/**
 * Consumes one lane: competes for its lease (lease-worker.ts), and serves the lane while it has it (lane-service.ts).
 *
 * A batch is in one of four states. *Waiting*: in the lane's stream, in the order in which batches were appended. *In
 * progress*: still there, while the worker that holds the lane processes it. *Given up*: moved out of the stream,
 * because processing failed or MAX_LOSSES workers ended while they processed it, and passed to `keepGivenUp`, every 2 s
 * until that succeeds. *Gone*: done and deleted. A worker that dies changes nothing: the next worker of the lane
 * starts again at the beginning of the stream (the store is idempotent), so order holds. The processor repeats in place
 * work that may succeed later, while the lane waits and the lock is renewed.
 *
 * A wiped Redis has lost the lease too, so on each new connection and every 2 s the consumer adds the lease if it is
 * missing. The same check replaces a candidate that does not take a free lane.
 */
export async function consumeLane<Batch = LaneBatch>(options: LaneConsumerOptions<Batch>): Promise<LaneConsumer> {
  const { lane, server, logger, checks: { everyMs, unclaimedMs } = CHECKS } = options;
  const { client } = server;
  const queue = new Queue(lane, queueOptions(server));
  queue.on('error', () => {});
  const sweep = sweepRegularly(options, everyMs);
  const service = new LaneService({ ...options, client, onGivenUp: () => sweep?.now() });
  const startWorker = () => new LeaseWorker({ ...options, service });
  let worker = startWorker();
  const onFailure = logFirstFailure(logger, lane);
  await retry(() => worker.waitUntilReady(), { onFailure });
  await retry(() => offerLease(queue, client), { onFailure });

  const isUnclaimed = watchUnclaimed(queue, server, unclaimedMs);
  const check = async () => {
    await offerLease(queue, client);
    if (!(await isUnclaimed())) return;
    logger.error({ queue: lane }, 'lane: unclaimed although redis is up; restarting its consumer');
    const old = worker;
    worker = startWorker();
    await withDeadline(old.close(true), CLOSE_DEADLINE_MS, lane);
  };
  const checks = checkRegularly(check, everyMs, server);
  sweep?.now();
  client.onMoved(() => {
    service.moved();
    void worker.renew().catch(() => {});
  });

  return {
    async close() {
      checks.stop();
      void sweep?.stop();
      service.stop();
      await closeWorker(worker, options);
      service.close();
      await withDeadline(queue.close(), CLOSE_WITHOUT_REDIS_MS, lane).catch(() => {});
    },
  };
}

async function closeWorker(worker: LeaseWorker, { lane, logger, server }: LaneConsumerOptions<never>): Promise<void> {
  // Without Redis the current run cannot be finished: the lock runs out and another worker takes the lane.
  const deadlineMs = server.connection.status === 'ready' ? CLOSE_DEADLINE_MS : CLOSE_WITHOUT_REDIS_MS;
  await withDeadline(worker.close(), deadlineMs, lane).catch((error: Error) =>
    logger.warn({ queue: lane, reason: error.message }, 'lane: closed before its current run was finished'),
  );
}

/** Keeps given-up batches elsewhere: regularly, and at `now()`. The next sweep repeats what fails. */
function sweepRegularly(
  { lane, logger, server: { client }, keepGivenUp }: LaneConsumerOptions<never>,
  everyMs: number,
): Repetition | undefined {
  const logFailure = (error: unknown) =>
    logger.warn({ queue: lane, reason: (error as Error).message }, 'lane: keeping given-up batches failed, retrying');
  return keepGivenUp && every(everyMs, () => client.isReady && sweepGivenUp(client, lane, keepGivenUp), logFailure);
}

/** Resolves with true when the lease was free at each call of the last `ms`. */
function watchUnclaimed(queue: Queue, { connection }: QueueServer, ms: number): () => Promise<boolean> {
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

/** Runs `check` every `everyMs` and on each new connection. Its failures are faults of Redis, logged elsewhere. */
function checkRegularly(check: () => Promise<void>, everyMs: number, { connection }: QueueServer): { stop(): void } {
  const checks = every(everyMs, check);
  // One listener for each lane.
  connection.setMaxListeners(connection.getMaxListeners() + 1);
  connection.on('ready', checks.now);
  return {
    stop() {
      // A check under way may wait for a Redis that is away.
      void checks.stop();
      connection.off('ready', checks.now);
      connection.setMaxListeners(connection.getMaxListeners() - 1);
    },
  };
}
