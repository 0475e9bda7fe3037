import type { BatchReply, Entry, LaneBatch, MessageId } from '@chat-cluster/contracts';
import type { BatchOutcome, BatchStores, ConversationFanout, Fanout, RecentMessages } from '@chat-cluster/domain';
import { type JoinRule, type LaneHold, LaneLeft, type LaneProcessor } from '@chat-cluster/queue';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { KeepPorts } from '../dead-letters/keep-dead-letters.ts';
import { traceBatch } from './batch-trace.ts';
import { createDropChanged } from './drop-changed.ts';
import { storeInPlace } from './store-in-place.ts';

export interface InboxPorts extends KeepPorts, BatchStores {
  fanout: Fanout & Pick<ConversationFanout, 'conversationEvents'>;
  recent: RecentMessages;
  /** `sendReply` in packages/queue: resolves after the first attempt. If the reply is lost, the gateway times out. */
  reply(replyTo: string, reply: BatchReply): Promise<void>;
}

/**
 * Processes a run of batches of an inbox lane: stores it, then sends emits and replies. The batches are deleted only
 * after the emits are published and the recounts are requested in Redis, so if the worker dies before that, the next
 * worker repeats the whole run. The next run of the lane starts only after the emits of this run, on any worker.
 *
 * After the commit no error may reject the run: its messages are stored and must not become dead letters. A reply that
 * Redis rejects is sent again; the user of a lost emit receives `sync_required` when Redis is back.
 */
export function createInboxProcessor(ports: InboxPorts) {
  const { logger, recent, signal } = ports;
  const dropChanged = createDropChanged({ recent, signal, onFailure: () => cacheFaults.inc() });
  return {
    problemOf,
    join: INBOX_RUNS,
    async process(batch, hold, behind) {
      const started = performance.now();
      const batches = [batch, ...behind];
      const entries = batches.flatMap((one) => one.entries);
      const trace = traceBatch(entries, { batches: batches.length, acceptedAt: batch.acceptedAt });
      const stored = trace.store(() => storeInPlace({ ...ports, hold }, entries));
      const outcome = await stored.catch((error: unknown) => {
        // When the process stops during an outage, the batch has not failed: another worker processes it.
        throw signal.aborted ? new LaneLeft('this process stops') : error;
      });
      const report = (what: string) => (err: unknown) => logger.error({ err }, `lane: a stored run: ${what} failed`);
      const observe = (record: () => void) => void Promise.try(record).catch(report('metrics'));
      observe(() => observeStored(batches, outcome, started));
      const published = Promise.try(() =>
        trace.publish((traces) => publish({ ...ports, hold, dropChanged }, batches, outcome, traces)),
      );
      void published.catch(report('publishing')).then(() => observe(() => observeDelivery(batches)));
      const ms = Math.round(performance.now() - started);
      logger.debug({ batches: batches.length, entries: entries.length, ms }, 'lane: batch stored');
      const groups = outcome.groupBadges.map(({ conversationId }) => conversationId);
      return { published: published.catch(() => {}), badges: outcome.badges, groups };
    },
  } satisfies LaneProcessor<LaneBatch>;
}

interface PublishPorts extends InboxPorts {
  hold: LaneHold;
  dropChanged: ReturnType<typeof createDropChanged>;
}

/** Sends the emits of a stored run, and to each gateway its part of the results. Never rejects. */
function publish(
  { recent, hold, dropChanged, fanout, reply, logger }: PublishPorts,
  batches: readonly LaneBatch[],
  { messages, receipts, results, events, changed }: BatchOutcome,
  traces: ReadonlyMap<MessageId, string>,
): Promise<unknown> {
  const ofGroups = events.flatMap((event) => (event.type === 'message' ? [event.message] : []));
  // This run may have changed a message that it also stored.
  const dropped = new Set(changed);
  const unchanged = [...messages, ...ofGroups].filter(({ conversationId }) => !dropped.has(conversationId));
  const logLoss = (what: string) => (error: Error) => logger.warn({ reason: error.message }, `lane: ${what} lost`);
  const remaining = [...results];
  dropChanged(changed);
  return Promise.all([
    // If the process was paused since the commit, another worker may have deleted some of these messages.
    hold.held().then((isHeld) => {
      if (isHeld) Promise.try(() => recent.append(unchanged)).catch(() => cacheFaults.inc());
    }),
    Promise.try(() => fanout.newMessages(messages, traces)).catch(logLoss('emits of messages were')),
    Promise.try(() => fanout.messagesRead(receipts)).catch(logLoss('emits of receipts were')),
    // After the messages: a change of a message follows it.
    events.length > 0 &&
      Promise.try(() => fanout.conversationEvents(events)).catch(logLoss('emits of conversations were')),
    ...batches.map(({ replyTo, batchId, entries }) => {
      const mine = remaining.splice(0, entries.length);
      return Promise.try(() => reply(replyTo, { v: 1, batchId, results: mine })).catch(logLoss('a reply was'));
    }),
  ]);
}

/** Characters that weigh as much as one entry, so that many long messages do not make one huge run. */
const CHARACTERS_OF_ONE = 2_500;

/** Batches that may be stored together: as many entries of usual length as two full batches of one gateway. */
const INBOX_RUNS: JoinRule<LaneBatch> = {
  maxWeight: 400,
  weigh: (batch) => batch.entries.reduce((sum, entry) => sum + weightOf(entry), 0),
};

/** `entry` may be anything; the store finds those that cannot be stored. */
function weightOf(entry: Entry): number {
  const content = entry?.kind === 'send' || entry?.kind === 'group_send' ? entry.content : null;
  return 1 + (typeof content === 'string' ? content.length / CHARACTERS_OF_ONE : 0);
}

/** Largest number of entries in a batch. A gateway sends a tenth of it; a larger one could exceed every time limit. */
const MAX_ENTRIES = 2_000;

/** Checks the batch; the store checks its entries, one by one if one of them cannot be stored. */
function problemOf(data: unknown): string | undefined {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return 'a batch that is not an object';
  const { v, batchId, replyTo, acceptedAt, entries } = data as Partial<LaneBatch>;
  if (v !== 1) return 'unknown version of a batch';
  if (!Array.isArray(entries)) return 'a batch without entries';
  if (entries.length > MAX_ENTRIES) return `a batch of more than ${MAX_ENTRIES} entries`;
  if (typeof batchId !== 'string') return 'a batch without an id';
  if (typeof replyTo !== 'string') return 'a batch without an address for its reply';
  if (typeof acceptedAt !== 'number') return 'a batch without the time of its acceptance';
  return undefined;
}

function observeStored(batches: readonly LaneBatch[], outcome: BatchOutcome, started: number): void {
  runs.observe(batches.length);
  duration.observe((performance.now() - started) / 1_000);
  lag.set(Math.max(0, Date.now() - (batches[0]?.acceptedAt ?? 0)) / 1_000);
  for (const [result, all] of Map.groupBy(outcome.results, ({ kind }) => kind)) results.inc({ result }, all.length);
}

function observeDelivery(batches: readonly LaneBatch[]): void {
  const now = Date.now();
  for (const { acceptedAt } of batches) delivery.observe(Math.max(0, now - acceptedAt) / 1_000);
}

const results = new Counter({
  name: 'chat_store_results_total',
  help: 'Entries by outcome',
  labelNames: ['result'],
});
const duration = new Histogram({
  name: 'chat_store_batch_seconds',
  help: 'Time from the start of a run of lane batches to its commit',
  buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5],
});
const runs = new Histogram({
  name: 'chat_store_batches_joined',
  help: 'Batches that a lane stored in one run',
  buckets: [1, 2, 5, 10, 20, 50],
});
const lag = new Gauge({ name: 'chat_lane_lag_seconds', help: 'Age of the oldest entry of the batch stored last' });
const delivery = new Histogram({
  name: 'chat_delivery_seconds',
  help: 'Time from the acceptance of a batch by its gateway until Redis has its emits and reply, by the clocks of both',
  buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
});
const cacheFaults = new Counter({
  name: 'chat_cache_errors_total',
  help: 'Failed writes to the cache of recent messages',
});
