import { BlockingClient, type RedisClient } from '@chat-cluster/redis';
import { backoff, type Logger, retry, withDeadline } from '@chat-cluster/runtime';
import {
  completeBatches,
  countLoss,
  giveUpBatch,
  parseBatch,
  type QueuedBatch,
  readLane,
  uncountLoss,
} from '../lane-stream.ts';
import type { LaneRecountRequests } from '../recounts/recount-requests.ts';
import { LaneLeft, Lease } from './lane-lease.ts';
import type { LaneProcessor, Outcome } from './lane-processor.ts';
import type { LaneShare } from './lane-share.ts';

export interface LaneServiceOptions<Batch> {
  lane: string;
  client: RedisClient;
  logger: Logger;
  processor: LaneProcessor<Batch>;
  /** Receives the badges of outcomes. A lane without badges needs none. */
  recounts?: Pick<LaneRecountRequests, 'split' | 'request'> | undefined;
  /**
   * True when outcomes are published over the connection of `client` itself. Then a batch is deleted without waiting
   * for its emits: Redis processes the commands of one connection in order, and all of them leave in one write.
   */
  publishesInOrder?: boolean | undefined;
  /** Limits the lanes that this process keeps while other workers have fewer. Absent: no limit. */
  share?: LaneShare | undefined;
  /** Called after a batch was moved to the given-up batches. */
  onGivenUp(): void;
}

/** Workers that may end during a batch before it is given up: deploys and crashes are no fault of the batch. */
const MAX_LOSSES = 10;
/** Losses from which a batch is processed alone: a batch behind it may be the one that kills workers. */
const LOSSES_TO_ISOLATE = 2;
/** Pause in ms before a lane that was left to a worker with fewer lanes is requested again. */
const REST_MS = 200;
/**
 * Longest blocking read of a lane, in ms. If it returns no batch, the service checks that it still holds the lane.
 */
const READ_WAIT_MS = 2_000;
const UNCOUNT_DEADLINE_MS = 2_000;

/**
 * Serves a lane while this worker holds it: reads the first batches of the lane, processes them, deletes them and
 * reads on in one step. While the lane is empty, a blocking read waits for the next batch and returns as soon as it
 * is in Redis.
 *
 * A gateway has one batch at a time in a lane, so with more gateways more and smaller batches wait. So a run also
 * processes the batches that were read behind its first one (`join`): the gateways share its cost, and no batch waits
 * for a separate run of each of them. A run that fails is repeated with its first batch alone.
 */
export class LaneService<Batch> {
  #options: LaneServiceOptions<Batch>;
  #blocking: BlockingClient;
  #stop = new AbortController();

  constructor(options: LaneServiceOptions<Batch>) {
    this.#options = options;
    this.#blocking = new BlockingClient(options.client);
  }

  /** Serves under the lock with `token`, taken at `takenAt` (ms of the epoch). Always rejects: with LaneLeft. */
  async serve(token: string, takenAt: number): Promise<never> {
    const { client, lane, share } = this.#options;
    const { signal } = this.#stop;
    share?.laneTaken();
    const lease = new Lease(client, lane, { token, takenAt, stop: signal });
    const uncount = () => withDeadline(uncountLoss(client, lane, lease), UNCOUNT_DEADLINE_MS, 'redis').catch(() => {});
    try {
      await this.#run(lease);
      await uncount();
    } catch (error) {
      if (error instanceof LaneLeft && signal.aborted) await uncount();
      throw error;
    } finally {
      share?.laneLeft();
    }
    throw signal.aborted ? new LaneLeft('this process stops') : new LaneLeft('another worker has fewer lanes', REST_MS);
  }

  /** The lane's server has changed: ends the blocking read at the old one. */
  moved(): void {
    this.#blocking.cut();
  }

  /** Ends serving after the current run. */
  stop(): void {
    this.#stop.abort();
    this.#blocking.cut();
  }

  close(): void {
    this.#blocking.close();
  }

  /** Resolves when the lane is to be left; rejects with LaneLeft when it is lost. */
  async #run(lease: Lease): Promise<void> {
    const { client, lane, share } = this.#options;
    const mayContinue = () => !this.#stop.signal.aborted && !share?.shouldLeaveLane();
    let losses = await this.#untilAccepted(() => countLoss(client, lane));
    let ahead: QueuedBatch[] = [];
    while (mayContinue()) {
      if (ahead.length === 0) ahead = await this.#read(lease);
      if (ahead.length === 0) continue;
      // Leaves here and not at the next check: shouldLeaveLane() is true only once.
      if (!mayContinue()) break;
      const { batches, outcome } = await this.#process(lease, ahead, losses);
      losses = 0;
      const rest = ahead.slice(batches.length);
      if (rest.length === 0) lease.mayRepeat = false;
      ahead = (await this.#complete(lease, { batches, outcome, read: rest.length === 0 })) ?? rest;
    }
    await this.#complete(lease, { batches: [], read: false });
  }

  /** Waits for the first batches of the lane; empty after READ_WAIT_MS without one, and after a fault. */
  async #read(lease: Lease): Promise<QueuedBatch[]> {
    const { lane } = this.#options;
    const read = this.#blocking.run((client) => readLane(client, lane, READ_WAIT_MS));
    const batches = await read.catch(() => undefined);
    if (batches === undefined && !this.#stop.signal.aborted) await backoff(3, 100, 1_000);
    if (!batches?.length && !(await lease.held())) throw lockLost();
    return batches ?? [];
  }

  /** Processes the first of `ahead` and those that may join it. Resolves with the batches that can be deleted. */
  async #process(lease: Lease, ahead: QueuedBatch[], losses: number): Promise<Run> {
    const { lane, logger, processor } = this.#options;
    const [first] = ahead;
    if (!first) return { batches: [] };
    if (losses >= MAX_LOSSES) return this.#giveUp(lease, first, `lost ${losses} workers`, losses);
    const { run, problem } = joinBatches(ahead, processor, losses < LOSSES_TO_ISOLATE);
    const [batch, ...behind] = run;
    if (batch === undefined) return this.#giveUp(lease, first, problem, 1);
    try {
      const outcome = await processor.process(batch, lease, behind);
      return { batches: ahead.slice(0, 1 + behind.length), outcome: outcome ?? undefined };
    } catch (error) {
      if (error instanceof LaneLeft) throw error;
      if (behind.length > 0) return this.#process(lease, [first], losses);
      logger.error({ queue: lane, item: first.id, err: error }, 'lane: a batch failed');
      return this.#giveUp(lease, first, error instanceof Error ? error.message : String(error), 1);
    }
  }

  async #giveUp(lease: Lease, batch: QueuedBatch, reason: string, attempts: number): Promise<Run> {
    const { client, lane, onGivenUp } = this.#options;
    const isHeld = await this.#untilAccepted(() => giveUpBatch(client, lane, lease, batch, { reason, attempts }));
    if (!isHeld) throw lockLost();
    onGivenUp();
    return { batches: [batch] };
  }

  /** Deletes the batches of a published run and requests its recounts. With `read`, resolves with the next batches. */
  async #complete(
    lease: Lease,
    { batches, outcome, read }: Run & { read: boolean },
  ): Promise<QueuedBatch[] | undefined> {
    const { client, lane, recounts, publishesInOrder } = this.#options;
    const { notes = [], elsewhere = [] } = (outcome && recounts?.split(client, outcome.badges, outcome.groups)) ?? {};
    if (elsewhere.length > 0) await this.#untilAccepted(async () => recounts?.request(elsewhere));
    if (!publishesInOrder) await outcome?.published;
    const { left, sentAt } = await this.#untilAccepted(async () => {
      const sentAt = performance.now();
      return { left: await completeBatches(client, lane, lease, { batches, notes, read }), sentAt };
    });
    await outcome?.published;
    if (left === undefined) throw lockLost();
    lease.renewed(sentAt);
    return read ? left : undefined;
  }

  /** Repeats a command until Redis accepts it. Otherwise the processed batches would be processed again. */
  #untilAccepted<T>(command: () => Promise<T>): Promise<T> {
    const { lane, logger } = this.#options;
    const onFailure = (error: unknown, attempt: number) => {
      if (this.#stop.signal.aborted) throw new LaneLeft('this process stops, and redis is away');
      if (attempt === 0)
        logger.warn({ queue: lane, reason: String(error) }, 'lane: redis rejected a command, retrying');
    };
    return retry(command, { minMs: 50, maxMs: 1_000, onFailure });
  }
}

/** Batches that were processed together, and what remains to be done. */
interface Run {
  batches: QueuedBatch[];
  outcome?: Outcome | undefined;
}

function lockLost(): LaneLeft {
  return new LaneLeft('the lock of its lane was lost');
}

/** Parses the batches of the next run, one unless `mayJoin`, up to the first that is no batch, and states its problem. */
function joinBatches<Batch>(
  ahead: readonly QueuedBatch[],
  { problemOf, join }: LaneProcessor<Batch>,
  mayJoin: boolean,
): { run: Batch[]; problem: string } {
  const run: Batch[] = [];
  let weight = 0;
  for (const { text } of ahead) {
    const data = parseBatch(text);
    const problem = data === undefined ? 'the data of the batch is not JSON' : problemOf?.(data);
    if (problem !== undefined) return { run, problem };
    const batch = data as Batch;
    const added = mayJoin ? join?.weigh(batch) : undefined;
    if (run.length > 0 && (added === undefined || weight + added > (join?.maxWeight ?? 0))) break;
    run.push(batch);
    if (added === undefined) break;
    weight += added;
  }
  return { run, problem: '' };
}
