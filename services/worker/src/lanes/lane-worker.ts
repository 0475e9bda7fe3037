import type { BatchReply, Entry, LaneBatch } from '@chat-cluster/contracts';
import type { DeadLetters, Fanout, MessageStore, RecentMessages } from '@chat-cluster/domain';
import { type JoinRule, type LaneHold, LaneLeft, type Outcome } from '@chat-cluster/queue';
import type { Logger } from '@chat-cluster/runtime';
import { Counter, Gauge, Histogram } from 'prom-client';
import { traceBatch } from './batch-trace.ts';
import { storeInPlace } from './store-in-place.ts';

const results = new Counter({
  name: 'chat_store_results_total',
  help: 'Entries by outcome',
  labelNames: ['result'],
});
const duration = new Histogram({
  name: 'chat_store_batch_seconds',
  help: 'From taking a lane batch to its commit',
  buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5],
});
const runs = new Histogram({
  name: 'chat_store_batches_joined',
  help: 'Batches of gateways that a lane stored in one run',
  buckets: [1, 2, 5, 10, 20, 50],
});
const lag = new Gauge({ name: 'chat_lane_lag_seconds', help: 'Age of the oldest entry of the batch taken last' });
const delivery = new Histogram({
  name: 'chat_delivery_seconds',
  help: 'From the acceptance of a batch by its gateway until Redis took its emits and its reply, by the clocks of both machines',
  buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
});
const cacheFaults = new Counter({
  name: 'chat_cache_errors_total',
  help: 'Appends that the recent-message cache missed',
});

export interface LaneWorkerPorts {
  store: MessageStore;
  deadLetters: DeadLetters;
  fanout: Fanout;
  recent: RecentMessages;
  /** Resolves when the reply has left; a lost one is a time-out at the gateway. */
  reply(replyTo: string, reply: BatchReply): Promise<void>;
  logger: Logger;
  signal: AbortSignal;
}

/**
 * What a lane does with a batch: commit it, then tell everybody. The batch is done with only when the emits have left
 * and the recounts are noted in Redis, so a worker that dies before is followed by one that does it again; and the next
 * batch of the lane, maybe on another worker, starts after the emits of this one.
 *
 * After the commit nothing may fail the batch, for what is stored is no dead letter.
 */
export function createLaneWorker(
  ports: LaneWorkerPorts,
): (batch: LaneBatch, hold?: LaneHold, behind?: LaneBatch[]) => Promise<Outcome> {
  return async (batch, hold = ALWAYS, behind = []) => {
    if (!isKnown(batch)) throw new Error('no batch of a version known here');
    const started = performance.now();
    const batches = [batch, ...behind];
    const entries = batches.flatMap((one) => one.entries);
    const trace = traceBatch(entries, { batches: batches.length, acceptedAt: batch.acceptedAt });
    const outcome = await trace
      .store(() => storeInPlace({ ...ports, hold }, entries))
      .catch((error: unknown) => leave(ports.signal, error));
    runs.observe(batches.length);
    duration.observe((performance.now() - started) / 1_000);
    lag.set(Math.max(0, Date.now() - batch.acceptedAt) / 1_000);
    for (const [result, all] of Map.groupBy(outcome.results, ({ kind }) => kind)) results.inc({ result }, all.length);

    ports.recent.append(outcome.messages).catch(() => cacheFaults.inc());
    const lose = (what: string) => (error: Error) => ports.logger.warn({ reason: error.message }, `lane: ${what} lost`);
    const told = trace.publish((traces) =>
      Promise.all([
        ports.fanout.newMessages(outcome.messages, traces).catch(lose('emits of messages were')),
        ports.fanout.messagesRead(outcome.receipts).catch(lose('emits of receipts were')),
        ...repliesTo(batches, outcome.results).map(([to, reply]) => ports.reply(to, reply).catch(lose('a reply was'))),
      ]),
    );
    void told.then(() => observeDelivery(batches));
    ports.logger.debug(
      { batches: batches.length, entries: entries.length, ms: Math.round(performance.now() - started) },
      'lane: batch stored',
    );
    return { told, badges: outcome.badges };
  };
}

function observeDelivery(batches: readonly LaneBatch[]): void {
  const now = Date.now();
  for (const { acceptedAt } of batches) delivery.observe(Math.max(0, now - acceptedAt) / 1_000);
}

/** To each gateway its share of the results. */
function repliesTo(batches: readonly LaneBatch[], results: BatchReply['results']): [string, BatchReply][] {
  let at = 0;
  return batches.map(({ replyTo, batchId, entries }) => {
    const from = at;
    at += entries.length;
    return [replyTo, { v: 1, batchId, results: results.slice(from, at) }];
  });
}

function isKnown(batch: LaneBatch): boolean {
  return batch.v === 1 && Array.isArray(batch.entries);
}

/** Of an entry, so that many long messages do not make one huge run: 200 of the usual length weigh about 200. */
const CHARACTERS_OF_ONE = 2_500;

/** Batches that may be stored together: as much as two full ones of one gateway. */
export const JOINED_BATCHES: JoinRule<LaneBatch> = {
  maxWeight: 400,
  weigh: (batch) => (isKnown(batch) ? batch.entries.reduce((sum, entry) => sum + weightOf(entry), 0) : undefined),
};

function weightOf(entry: Entry): number {
  return 1 + (entry.kind === 'send' ? (entry.content?.length ?? 0) / CHARACTERS_OF_ONE : 0);
}

const ALWAYS: LaneHold = { held: async () => true };

/** The process stops in the middle of an outage: the job is not failed, another worker does it again. */
function leave(signal: AbortSignal, error: unknown): never {
  throw signal.aborted ? new LaneLeft('this process stops') : error;
}
