import { randomUUID } from 'node:crypto';
import { type Entry, type EntryResult, type LaneBatch, Rejection } from '@chat-cluster/contracts';
import type { Inbox } from '@chat-cluster/domain';
import type { RedisClient } from '@chat-cluster/redis';
import { currentTraceparent, NaturalBatch, withDeadline } from '@chat-cluster/runtime';
import { Counter, Gauge, Histogram } from 'prom-client';
import { appendToLane } from './lane-stream.ts';
import { inboxLane, type LaneServer, laneNumberOf, serverOf } from './lanes.ts';
import type { ReplyReceiver } from './replies.ts';

export interface InboxOptions {
  lanes: number;
  /** Each with a client of role `produce`. */
  servers: readonly LaneServer[];
  replies: ReplyReceiver;
  /** Batches of this gateway in a lane at a time, default 1. With 2, one waits in Redis while the other is stored. */
  maxInFlight?: number;
}

/**
 * The gateway's side of the inbox. An entry joins the open batch of its conversation's lane. A batch carries many
 * entries; the reply to it, sent after the commit, resolves all of them and lets the next batch leave.
 *
 * While Redis does not respond, no entry is accepted and none stays waiting. Clients receive UNAVAILABLE at once, or
 * TIMEOUT for a batch that had left already, within 3 s after Redis stopped responding.
 */
export function createInbox({ lanes, servers, replies, maxInFlight = 1 }: InboxOptions): Inbox {
  const inboxLanes = Array.from({ length: lanes }, (_, laneNumber) =>
    openLane(laneNumber, serverOf(laneNumber, servers), replies, maxInFlight),
  );
  new Gauge({
    name: 'chat_lane_waiting_entries',
    help: 'Entries of this gateway that wait for the next batch of their lane',
    collect() {
      this.set(inboxLanes.reduce((sum, { batches }) => sum + batches.waiting, 0));
    },
  });
  return {
    submit(entry) {
      const lane = inboxLanes[laneNumberOf(entry.conversationId, lanes)];
      return lane ? lane.submit(entry) : Promise.reject(new Error('no lane'));
    },
  };
}

/**
 * Entries in one batch, at most: enough to amortise its cost. With 100, throughput and CPU per message are the same
 * (`npm run bench -- --gateways 1 --in-flight 2000`).
 */
const MAX_ENTRIES = 200;
/** Text in one batch, at most, in UTF-16 code units: many long messages must not make one huge batch. */
const MAX_CHARACTERS = 512 * 1024;
/**
 * Entries that may wait for one lane: what a lane stores in a second at full speed. Beyond it, sends get OVERLOADED.
 */
const MAX_WAITING = 5_000;
/** Wait of an entry, in ms, from which entries get OVERLOADED if they arrive faster than the lane stores them. */
const MAX_WAIT_MS = 300;

function openLane(laneNumber: number, { client }: LaneServer, replies: ReplyReceiver, maxInFlight: number) {
  const lane = inboxLane(laneNumber);
  /** Functions that end the wait for the reply to a batch in flight, one for each batch. */
  const cancelWaits = new Set<() => void>();
  const batches: NaturalBatch<Entry, EntryResult> = new NaturalBatch({
    run: (entries) =>
      sendBatch(entries, { lane, client, replies, cancelWaits }).catch((error: unknown) => {
        // The waiting entries fail too: if they were stored before the failed ones are resent, the order would change.
        batches.rejectWaiting(unavailable);
        throw error;
      }),
    maxInFlight,
    maxItems: MAX_ENTRIES,
    maxWaiting: MAX_WAITING,
    maxWaitMs: MAX_WAIT_MS,
    maxWeight: MAX_CHARACTERS,
    weigh: charactersOf,
    overflow: () => {
      notAccepted.inc({ reason: 'overloaded' });
      return new Rejection('OVERLOADED', { retryAfterMs: 1_000 });
    },
  });
  const isAvailable = () => client.pulse.answers && replies.pulse.answers;
  for (const pulse of [client.pulse, replies.pulse]) {
    pulse.onChange(() => {
      if (isAvailable()) return;
      batches.rejectWaiting(unavailable);
      for (const cancelWait of cancelWaits) cancelWait();
    });
  }
  return {
    batches,
    submit: (entry: Entry) => (isAvailable() ? batches.submit(withTrace(entry)) : Promise.reject(unavailable())),
  };
}

/** Adds the traceparent of the event or request in progress, if it is sampled. */
function withTrace(entry: Entry): Entry {
  const trace = currentTraceparent();
  return trace === undefined ? entry : { ...entry, trace };
}

/** Time for Redis to accept a batch, in ms. */
const APPEND_DEADLINE_MS = 2_000;
/**
 * Time for the reply, in ms: more than the 5 s until the lane of a killed worker is taken over, less than apps wait.
 */
const REPLY_DEADLINE_MS = 7_000;

async function sendBatch(
  entries: Entry[],
  to: { lane: string; client: RedisClient; replies: ReplyReceiver; cancelWaits: Set<() => void> },
): Promise<EntryResult[]> {
  const { lane, client, replies, cancelWaits } = to;
  const started = performance.now();
  const batch: LaneBatch = { v: 1, batchId: randomUUID(), replyTo: replies.channel, acceptedAt: Date.now(), entries };
  const { reply: promisedReply, cancelWait } = replies.expect(batch.batchId, REPLY_DEADLINE_MS);
  cancelWaits.add(cancelWait);
  batchSize.observe(entries.length);
  try {
    await withDeadline(appendToLane(client, lane, JSON.stringify(batch)), APPEND_DEADLINE_MS, 'lane');
  } catch {
    cancelWait();
    throw unavailable();
  } finally {
    void promisedReply.then(() => cancelWaits.delete(cancelWait));
  }
  const reply = await promisedReply;
  if (!reply) {
    notAccepted.inc({ reason: 'timeout' });
    throw new Rejection('TIMEOUT', { retryAfterMs: 1_000 });
  }
  roundTrip.observe((performance.now() - started) / 1_000);
  return reply.results;
}

function unavailable(): Rejection {
  notAccepted.inc({ reason: 'unavailable' });
  return new Rejection('UNAVAILABLE', { retryAfterMs: 1_000 });
}

/** Characters of an entry, roughly: its text, which dominates, and 250 for its ids. */
function charactersOf(entry: Entry): number {
  switch (entry.kind) {
    case 'send':
    case 'group_send':
      return 250 + (entry.content?.length ?? 0) + entry.attachments.reduce((sum, { url }) => sum + url.length, 0);
    case 'group_change':
      return 250 + ('userIds' in entry.change ? 30 * entry.change.userIds.length : 0);
    case 'message_change':
      return 250 + (entry.change.type === 'edit' ? entry.change.content.length : 0);
    default:
      return 250;
  }
}

const batchSize = new Histogram({
  name: 'chat_lane_batch_entries',
  help: 'Entries in a lane batch sent by this gateway',
  buckets: [1, 2, 5, 10, 20, 50, 100, 200],
});
const roundTrip = new Histogram({
  name: 'chat_lane_round_trip_seconds',
  help: 'Time from sending a lane batch to its reply, which follows the commit',
  buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
});
const notAccepted = new Counter({
  name: 'chat_lane_refused_total',
  help: 'Entries that were not accepted and batches that got no reply, by reason',
  labelNames: ['reason'],
});
