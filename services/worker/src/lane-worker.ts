import type { BatchReply, LaneBatch } from '@chat-cluster/contracts';
import type { DeadLetters, Fanout, MessageStore, RecentMessages, RecountRequests } from '@chat-cluster/domain';
import type { Logger } from '@chat-cluster/runtime';
import { Counter, Gauge, Histogram } from 'prom-client';
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
const lag = new Gauge({ name: 'chat_lane_lag_seconds', help: 'Age of the oldest entry of the batch taken last' });
const cacheFaults = new Counter({
  name: 'chat_cache_errors_total',
  help: 'Appends that the recent-message cache missed',
});

export interface LaneWorkerPorts {
  store: MessageStore;
  deadLetters: DeadLetters;
  fanout: Fanout;
  recent: RecentMessages;
  recounts: RecountRequests;
  /** Resolves when the reply has left; a lost one is a time-out at the gateway. */
  reply(replyTo: string, reply: BatchReply): Promise<void>;
  logger: Logger;
  signal: AbortSignal;
}

/**
 * What a lane does with a batch: commit it, then tell everybody. The job counts as done only when the emits have left
 * and the recounts are noted in Redis, so a worker that dies before is followed by one that does it again; and the next
 * batch of the lane, maybe on another worker, starts after the emits of this one.
 */
export function createLaneWorker(ports: LaneWorkerPorts): (batch: LaneBatch) => Promise<void> {
  return async (batch) => {
    const started = performance.now();
    const outcome = await storeInPlace(ports, batch.entries).catch((error: unknown) => stayActive(ports.signal, error));
    duration.observe((performance.now() - started) / 1_000);
    lag.set(Math.max(0, Date.now() - batch.acceptedAt) / 1_000);
    for (const result of outcome.results) results.inc({ result: result.kind });

    ports.recent.append(outcome.messages).catch(() => cacheFaults.inc());
    const replied = ports
      .reply(batch.replyTo, { v: 1, batchId: batch.batchId, results: outcome.results })
      .catch((error: Error) => ports.logger.warn({ reason: error.message }, 'lane: a reply was lost'));
    await Promise.all([
      ports.fanout.newMessages(outcome.messages),
      ports.fanout.messagesRead(outcome.receipts),
      ports.recounts.request(outcome.badges),
      replied,
    ]);
    ports.logger.debug(
      { entries: batch.entries.length, ms: Math.round(performance.now() - started) },
      'lane: batch stored',
    );
  };
}

/** The process stops in the middle of an outage: the job must stay active, so that its lock's end brings it back. */
function stayActive(signal: AbortSignal, error: unknown): Promise<never> {
  if (!signal.aborted) throw error;
  return new Promise(() => {});
}
