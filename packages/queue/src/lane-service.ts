import type { DirtyBadge } from '@chat-cluster/domain';
import { BlockingClient } from '@chat-cluster/redis';
import { backoff, type Logger, withDeadline } from '@chat-cluster/runtime';
import { type LaneHold, LaneLeft, Lease, LOCK_MS } from './lane-lease.ts';
import type { Share } from './lane-share.ts';
import {
  completeItems,
  countLoss,
  giveUpItem,
  type LaneItem,
  type LaneLock,
  readLane,
  resetLosses,
} from './lane-stream.ts';
import type { QueueServer } from './queue-server.ts';
import type { LaneRecounts } from './recount-requests.ts';

/** Which batches of a lane may be carried out together with the one before them. */
export interface JoinRule<Data> {
  /** What the data adds to a run; undefined when it has to be carried out alone. */
  weigh(data: Data): number | undefined;
  /** Of one run. */
  maxWeight: number;
}

/** What a batch that was carried out leaves to be done. */
export interface Outcome {
  /** Under way already: emits and replies. Never rejects. The batch is deleted, and the next one begun, after it. */
  told: Promise<unknown>;
  /** Asked for in the step that deletes the batch, so neither is done without the other. */
  badges: readonly DirtyBadge[];
}

export interface LaneServiceOptions<Data> {
  /** Name of the lane: inboxQueue(n), recountQueue(n). */
  queue: string;
  server: QueueServer;
  logger: Logger;
  /**
   * Carries out one batch. May see a batch twice. A rejection is a fault: the batch is given up, the lane goes on; a
   * `LaneLeft` leaves it to another worker. `behind`: data of batches to be carried out with it, in their order.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: what leaves nothing to be done returns nothing.
  process(data: Data, hold: LaneHold, behind: Data[]): Promise<Outcome | void>;
  /** Where the badges of outcomes are asked for; a lane without has no badges. */
  recounts?: Pick<LaneRecounts, 'split' | 'request'>;
  /**
   * What outcomes tell is told over the very connection of `server.client`: then it is not waited for before the batch is
   * deleted, since Redis carries out in order what comes on one connection, and all of it leaves in one write.
   */
  publishesInOrder?: boolean;
  /** Absent: one batch at a time. */
  join?: JoinRule<Data>;
  /** How many lanes this process may keep while others want some; absent: all it gets. */
  share?: Share;
}

/** Carries out what comes in a lane, for as long as this worker has it. */
export interface LaneService {
  /** Serves the lane under the lock with this token, taken at the epoch's millisecond `takenAt`. Always rejects: LaneLeft. */
  serve(token: string, takenAt: number): Promise<never>;
  /** The lane has another server than before. */
  moved(): void;
  /** Ends serving after the batch in hand. */
  stop(): void;
  /** Closes its connection. */
  close(): void;
}

/** A batch may lose its worker this often before it counts as poison: deploys and crashes are no fault of its own. */
const MAX_LOSSES = 10;
/** From the second loss on, a batch is carried out alone: it may be one of those behind it that workers die of. */
const JOINED_LOSSES = 1;
/** After leaving a lane to a worker that has fewer, for so long it is not asked for again. */
const REST_MS = 200;
/** One blocking wait for a batch. Whoever waits in vain looks whether the lane is still its own. */
const WAIT_MS = 2_000;

/**
 * Serving is a loop: read what stands at the beginning of the lane, carry it out, delete it and read on in one step. While
 * the lane is quiet, a blocking read waits for the next batch, which is here as soon as it is in Redis.
 *
 * The more gateways there are, the more and smaller batches wait, for each has one at a time in a lane. So a run takes
 * along what has been read behind its first batch (`join`): its cost is shared by the gateways, and nobody waits for a
 * turn of each of them. A run that fails is repeated with its first batch alone.
 */
export function createLaneService<Data>(
  options: LaneServiceOptions<Data>,
  { lockKey, onGivenUp }: { lockKey: string; onGivenUp(): void },
): LaneService {
  const { queue: lane, server, logger, share } = options;
  const blocking = new BlockingClient(server.client);
  const stop = new AbortController();

  async function serve(token: string, takenAt: number): Promise<never> {
    const lease = new Lease(token, takenAt, { lock: () => server.client.get(lockKey), stop: stop.signal });
    const lock: LaneLock = { key: lockKey, token, ms: LOCK_MS };
    share?.got();
    try {
      await run({ lease, lock });
    } catch (error) {
      if (error instanceof LaneLeft && stop.signal.aborted)
        await inTime(resetLosses(server.client, lane)).catch(() => {});
      throw error;
    } finally {
      share?.left();
    }
    throw stop.signal.aborted
      ? new LaneLeft('this process stops')
      : new LaneLeft('another worker has fewer lanes', REST_MS);
  }

  /** Ends when the lane is to be left; rejects with LaneLeft when it is lost. */
  async function run({ lease, lock }: Holding): Promise<void> {
    const mayGoOn = () => !stop.signal.aborted && !share?.isTooLarge();
    let losses = await insist(() => countLoss(server.client, lane));
    let ahead: LaneItem[] = [];
    while (mayGoOn()) {
      if (ahead.length === 0) ahead = await next(lease);
      if (ahead.length === 0) continue;
      // Not asked a second time: a share says only once that it is too large.
      if (!mayGoOn()) break;
      const { items, outcome } = await carryOut({ lease, lock }, ahead, losses);
      losses = 0;
      const rest = ahead.slice(items.length);
      ahead = (await complete({ lease, lock }, { items, outcome, read: rest.length === 0 })) ?? rest;
    }
    await complete({ lease, lock }, { items: [], read: false });
  }

  /** Waits for the next items; empty after WAIT_MS without any, or a fault. */
  async function next(lease: Lease): Promise<LaneItem[]> {
    const read = () => blocking.run((client) => readLane(client, lane, WAIT_MS));
    const items = await read().catch(() => undefined);
    if (items === undefined && !stop.signal.aborted) await backoff(3, 100, 1_000);
    if (!items?.length && !(await lease.held())) throw lost();
    return items ?? [];
  }

  /** Resolves with the items that are done with, the first of `items`, and what is left to be done of them. */
  async function carryOut(holding: Holding, items: LaneItem[], losses: number): Promise<Done> {
    const [first] = items;
    if (!first) return { items: [] };
    if (losses >= MAX_LOSSES) return giveUp(holding, first, `lost ${losses} workers`, losses);
    const [data, ...behind] = readRun(options, items, losses > JOINED_LOSSES);
    if (data === undefined) return giveUp(holding, first, 'the data of the batch is no JSON', 1);
    try {
      const outcome = await options.process(data, holding.lease, behind);
      return { items: items.slice(0, 1 + behind.length), outcome: outcome ?? undefined };
    } catch (error) {
      if (error instanceof LaneLeft) throw error;
      if (behind.length > 0) return carryOut(holding, [first], losses);
      logger.error({ queue: lane, item: first.id, err: error }, 'lane: a batch failed');
      return giveUp(holding, first, error instanceof Error ? error.message : String(error), 1);
    }
  }

  /** Out of the lane, to be kept elsewhere. */
  async function giveUp({ lock }: Holding, item: LaneItem, reason: string, attempts: number): Promise<Done> {
    const isOurs = await insist(() => giveUpItem(server.client, lane, lock, item, { reason, attempts }));
    if (!isOurs) throw lost();
    onGivenUp();
    return { items: [item] };
  }

  /** Resolves with what comes next when it was read. */
  async function complete(
    { lease, lock }: Holding,
    { items, outcome, read }: Done & { read: boolean },
  ): Promise<LaneItem[] | undefined> {
    const { notes = [], elsewhere = [] } = (outcome && options.recounts?.split(server.client, outcome.badges)) ?? {};
    if (elsewhere.length > 0) await insist(async () => options.recounts?.request([...elsewhere]));
    if (!options.publishesInOrder) await outcome?.told;
    const { left, at } = await insist(async () => {
      const at = performance.now();
      return { left: await completeItems(server.client, lane, lock, { items, notes, read }), at };
    });
    await outcome?.told;
    if (left === undefined) throw lost();
    lease.renewed(at);
    return read ? left : undefined;
  }

  /** Until Redis takes it: what was carried out would be carried out again. */
  async function insist<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (stop.signal.aborted) throw new LaneLeft('this process stops, and redis is away');
        if (attempt === 0) logger.warn({ queue: lane, reason: String(error) }, 'lane: redis takes no result, again');
        await backoff(attempt, 50, 1_000);
      }
    }
  }

  return {
    serve,
    moved: () => blocking.cut(),
    stop() {
      stop.abort();
      blocking.cut();
    },
    close: () => blocking.close(),
  };
}

interface Holding {
  lease: Lease;
  lock: LaneLock;
}

interface Done {
  items: LaneItem[];
  outcome?: Outcome | undefined;
}

const ASK_DEADLINE_MS = 2_000;

function inTime<T>(work: Promise<T>): Promise<T> {
  return withDeadline(work, ASK_DEADLINE_MS, 'redis');
}

function lost(): LaneLeft {
  return new LaneLeft('the lock of its lane was lost');
}

/** The data of the first items, as many as may be carried out in one run; none when the first can not be read. */
function readRun<Data>({ join }: LaneServiceOptions<Data>, items: readonly LaneItem[], alone: boolean): Data[] {
  const run: Data[] = [];
  let weight = 0;
  for (const { text } of items) {
    const data = parsed<Data>(text);
    if (data === undefined) break;
    const more = join?.weigh(data);
    if (run.length > 0 && (alone || more === undefined || weight + more > (join?.maxWeight ?? 0))) break;
    run.push(data);
    if (more === undefined) break;
    weight += more;
  }
  return run;
}

function parsed<Data>(text: string): Data | undefined {
  try {
    return JSON.parse(text) as Data;
  } catch {
    return undefined;
  }
}
