import { randomUUID } from 'node:crypto';
import { type Entry, type EntryResult, type LaneBatch, Rejection } from '@chat-cluster/contracts';
import type { Inbox } from '@chat-cluster/domain';
import type { RedisClient } from '@chat-cluster/redis';
import { currentTraceparent, NaturalBatch, withDeadline } from '@chat-cluster/runtime';
import { Counter, Gauge, Histogram } from 'prom-client';
import { type LaneServer, serverOf } from './lane-server.ts';
import { appendToLane } from './lane-stream.ts';
import { inboxQueue, laneOf } from './lanes.ts';
import type { ReplyReceiver } from './replies.ts';

const batchSize = new Histogram({
  name: 'chat_lane_batch_entries',
  help: 'Entries per lane batch sent',
  buckets: [1, 2, 5, 10, 20, 50, 100, 200],
});
const roundTrip = new Histogram({
  name: 'chat_lane_round_trip_seconds',
  help: 'From sending a lane batch to its reply, after commit',
  buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
});
const refused = new Counter({
  name: 'chat_lane_refused_total',
  help: 'Entries not accepted and batches without a reply, by reason',
  labelNames: ['reason'],
});

export interface InboxOptions {
  lanes: number;
  /** Each with a client of role `produce`. */
  servers: readonly LaneServer[];
  replies: ReplyReceiver;
  /** Batches of this gateway that one lane may hold at a time; a second one waits in Redis while the first is stored. */
  maxInFlight?: number;
}

/** Entries of one batch: enough to amortise its cost (measured: 200 brought nothing over 100 but latency). */
const MAX_ENTRIES = 200;
/** Text of one batch, in UTF-16 code units, so that many long messages do not make one huge batch. */
const MAX_CHARACTERS = 512 * 1024;
/** Entries that wait per lane at the most: a second of what a lane stores at full speed. Past it clients hear OVERLOADED. */
const MAX_WAITING = 5_000;
/** What comes steadily faster than the lane stores it hears OVERLOADED, and the others do not wait for long here. */
const MAX_WAIT_MS = 300;
const ADD_DEADLINE_MS = 2_000;
/** More than the 5 s after which the lane of a killed worker is served again, less than clients are used to wait. */
const REPLY_DEADLINE_MS = 7_000;

/**
 * The gateway's side of the inbox: joins entries to the open batch of their conversation's lane. One batch, one entry of
 * the lane's stream, carries many entries; the reply to it, after commit, resolves them all and lets the next batch leave.
 *
 * While Redis does not answer, nothing is accepted and nothing is left waiting: clients hear UNAVAILABLE at once, or
 * TIMEOUT for what had left already, within 3 s of the moment at which Redis fell silent.
 */
export function createInbox({ lanes, servers, replies, maxInFlight = 1 }: InboxOptions): Inbox {
  const open = Array.from({ length: lanes }, (_, lane) =>
    openLane(lane, serverOf(lane, servers), replies, maxInFlight),
  );
  new Gauge({
    name: 'chat_lane_waiting_entries',
    help: 'Entries that wait in this gateway for their batch to leave',
    collect() {
      this.set(open.reduce((sum, { batches }) => sum + batches.waiting, 0));
    },
  });
  return {
    submit(entry) {
      const lane = open[laneOf(entry.conversationId, lanes)];
      return lane ? lane.submit(entry) : Promise.reject(new Error('no lane'));
    },
  };
}

function openLane(lane: number, { client }: LaneServer, replies: ReplyReceiver, maxInFlight: number) {
  const underWay = new Set<() => void>();
  const batches: NaturalBatch<Entry, EntryResult> = new NaturalBatch({
    run: (entries) =>
      sendBatch({ client, lane: inboxQueue(lane) }, replies, underWay, entries).catch((error: unknown) => {
        // Those behind would overtake it when their senders resend, so they fail with it, in order.
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
      refused.inc({ reason: 'overloaded' });
      return new Rejection('OVERLOADED', { retryAfterMs: 1_000 });
    },
  });
  const answers = () => client.pulse.answers && replies.pulse.answers;
  for (const pulse of [client.pulse, replies.pulse]) {
    pulse.onChange(() => {
      if (answers()) return;
      batches.rejectWaiting(unavailable);
      for (const forget of underWay) forget();
    });
  }
  return {
    batches,
    submit: (entry: Entry) => (answers() ? batches.submit(traced(entry)) : Promise.reject(unavailable())),
  };
}

/** With what it takes to join the trace of whoever submits it, where that is sampled. */
function traced(entry: Entry): Entry {
  const trace = currentTraceparent();
  return trace === undefined ? entry : { ...entry, trace };
}

/** `underWay`: gets what ends the waiting for this batch's reply, for as long as there is any. */
async function sendBatch(
  { client, lane }: { client: RedisClient; lane: string },
  replies: ReplyReceiver,
  underWay: Set<() => void>,
  entries: Entry[],
): Promise<EntryResult[]> {
  const started = performance.now();
  const batch: LaneBatch = { v: 1, batchId: randomUUID(), replyTo: replies.channel, acceptedAt: Date.now(), entries };
  const { reply, forget } = replies.expect(batch.batchId, REPLY_DEADLINE_MS);
  underWay.add(forget);
  batchSize.observe(entries.length);
  try {
    await withDeadline(appendToLane(client, lane, JSON.stringify(batch)), ADD_DEADLINE_MS, 'lane');
  } catch {
    forget();
    throw unavailable();
  } finally {
    void reply.then(() => underWay.delete(forget));
  }
  const answer = await reply;
  if (!answer) {
    refused.inc({ reason: 'timeout' });
    throw new Rejection('TIMEOUT', { retryAfterMs: 1_000 });
  }
  roundTrip.observe((performance.now() - started) / 1_000);
  return answer.results;
}

function unavailable(): Rejection {
  refused.inc({ reason: 'unavailable' });
  return new Rejection('UNAVAILABLE', { retryAfterMs: 1_000 });
}

/** Text dominates; the ids of an entry are about 250 characters. */
function charactersOf(entry: Entry): number {
  if (entry.kind === 'read') return 250;
  return 250 + (entry.content?.length ?? 0) + entry.attachments.reduce((sum, { url }) => sum + url.length, 0);
}
