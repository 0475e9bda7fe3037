import type { DatabaseState, History, SendAttempt } from './history.ts';
import { changeViolations, editedContents } from './history-change-checks.ts';
import { deviceDiffers, differences, lateLive, wrongBadges, wrongReceipts } from './history-device-checks.ts';
import { groupViolations } from './history-group-checks.ts';
import { libraryViolations } from './history-library-checks.ts';
import type { Violation } from './violation.ts';

export interface Verdict {
  violations: Violation[];
  seen: {
    messages: number;
    /** Calls of `send_message`. */
    attempts: number;
    /** Messages with an ack. */
    acked: number;
    /** Changes of groups and of messages with an ack. */
    changed: number;
    /** Calls that were rejected, by code; `unknown` for calls without an ack. */
    refused: Record<string, number>;
    /** Devices that lacked a message until their last sync: an emit was lost and the device was not notified. */
    staleDevices: number;
    /** New messages that a live device received after a later one of the conversation. No guarantee forbids it. */
    lateLive: number;
  };
}

/**
 * Checks a history against the guarantees of the product:
 *
 *   an ack means stored · stored once · nothing is stored that was not sent · the messages of a sender keep their order ·
 *   dense seq · after `sync` a device holds what the database holds · the last badge is the recount · counters are the
 *   recount · marks move forward · all acks of a message agree · no process ends unless a fault ordered it
 *
 * groups and changes of messages against theirs (history-group-checks.ts, history-change-checks.ts), and devices on the
 * client library against what it promises beyond them (history-library-checks.ts).
 *
 * Pure: the same history gives the same verdict. An operation without an ack may have happened or not.
 */
export function checkHistory(history: History): Verdict {
  const messages = groupSends(history.sends);
  const rows = Map.groupBy(history.database.messages, keyOf);
  return {
    violations: [
      ...lost(messages, rows, history),
      ...duplicated(rows),
      ...unexpected(messages, rows, history),
      ...outOfOrder(history.sends, messages, rows),
      ...gaps(history.database),
      ...wrongAcks(messages, rows),
      ...deviceDiffers(history),
      ...libraryViolations(history),
      ...groupViolations(history),
      ...changeViolations(history),
      ...wrongBadges(history),
      ...wrongReceipts(history),
      ...wrongCounters(history.database),
      ...history.exits
        .filter(({ ordered }) => !ordered)
        .map(({ process, how }): Violation => ({ kind: 'unexpectedExit', detail: `${process}: ${how}` })),
      ...history.unsettled.map((detail): Violation => ({ kind: 'unsettled', detail })),
    ],
    seen: {
      messages: messages.size,
      attempts: history.sends.length,
      acked: [...messages.values()].filter((attempts) => attempts.some(isAcked)).length,
      changed: [...(history.groupChanges ?? []), ...(history.messageChanges ?? [])].filter(
        ({ outcome }) => outcome.kind === 'acked',
      ).length,
      refused: refusals(history.sends),
      staleDevices: history.devices.filter((device) => differences(device, history.database, false).length > 0).length,
      lateLive: history.devices.reduce((sum, { events }) => sum + lateLive(events), 0),
    },
  };
}

type Row = DatabaseState['messages'][number];
type Acked = SendAttempt & { outcome: { kind: 'acked' } };
type Messages = Map<string, SendAttempt[]>;
type Rows = Map<string, Row[]>;

function keyOf(of: { conversationId: string; clientMessageId: string; sender?: string; senderId?: string }): string {
  return JSON.stringify([of.conversationId, of.sender ?? of.senderId, of.clientMessageId]);
}

/** The attempts of each message, in the order of their start. */
function groupSends(sends: readonly SendAttempt[]): Messages {
  return Map.groupBy(sends.toSorted(byStart), keyOf);
}

function byStart(a: { at: number }, b: { at: number }): number {
  return a.at - b.at;
}

function isAcked(attempt: SendAttempt): attempt is Acked {
  return attempt.outcome.kind === 'acked';
}

function* lost(messages: Messages, rows: Rows, { reads, database }: History): Generator<Violation> {
  for (const [key, attempts] of messages) {
    if (attempts.some(isAcked) && !rows.has(key)) yield { kind: 'lost', detail: `message ${key}` };
  }
  const marks = new Map(database.participants.map((one) => [`${one.conversationId} ${one.userId}`, one.lastReadSeq]));
  for (const { conversationId, userId, outcome } of reads) {
    if (outcome.kind !== 'acked') continue;
    const mark = marks.get(`${conversationId} ${userId}`) ?? 0;
    if (mark >= outcome.upToSeq) continue;
    yield {
      kind: 'lost',
      detail: `read mark ${outcome.upToSeq} of ${userId} in ${conversationId}: stored is ${mark}`,
    };
  }
}

function* duplicated(rows: Rows): Generator<Violation> {
  for (const [key, stored] of rows) {
    if (stored.length < 2) continue;
    yield { kind: 'duplicated', detail: `${key} has the seqs ${stored.map(({ seq }) => seq).join(', ')}` };
  }
}

/** Entries of groups about themselves have no send: history-group-checks.ts. */
function* unexpected(messages: Messages, rows: Rows, history: History): Generator<Violation> {
  const editsOf = editedContents(history);
  for (const [key, [row]] of rows) {
    if (!row || row.system !== undefined) continue;
    const attempts = messages.get(key);
    const contents = [...(attempts ?? []).map(({ content }) => content), ...editsOf(row)];
    if (!attempts) yield { kind: 'unexpected', detail: `${key} was never sent` };
    else if (!row.deleted && !contents.includes(row.content)) {
      yield { kind: 'unexpected', detail: `${key} has a content that was never sent` };
    } else if (!attempts.some(isAcked) && attempts.some(isRefusedForGood)) {
      yield { kind: 'unexpected', detail: `${key} was rejected for good, and is stored` };
    }
  }
}

function isRefusedForGood({ outcome }: SendAttempt): boolean {
  return outcome.kind === 'refused' && !outcome.retryable;
}

/**
 * Two guarantees for the messages of one sender in one conversation. A message that is first sent after the ack of
 * another one has a greater seq. On one connection, messages that were accepted at their first attempt have seqs in the
 * order in which they were sent, even when the client did not wait for the acks.
 */
function* outOfOrder(sends: readonly SendAttempt[], messages: Messages, rows: Rows): Generator<Violation> {
  const seqOf = (key: string) => rows.get(key)?.[0]?.seq;
  for (const [sender, attempts] of Map.groupBy(sends, (send) => `${send.conversationId} ${send.sender}`)) {
    const acks = attempts.filter(isAcked).toSorted((a, b) => a.outcome.at - b.outcome.at);
    let next = 0;
    let newest = 0;
    const started = new Set<string>();
    for (const attempt of attempts.toSorted(byStart)) {
      const key = keyOf(attempt);
      if (started.has(key)) continue;
      started.add(key);
      for (; (acks[next]?.outcome.at ?? Number.POSITIVE_INFINITY) < attempt.at; next++) {
        newest = Math.max(newest, acks[next]?.outcome.seq ?? 0);
      }
      const seq = seqOf(key);
      if (seq === undefined || seq > newest) continue;
      yield { kind: 'outOfOrder', detail: `${key} has seq ${seq}, and was sent after the ack of seq ${newest}` };
    }
    yield* pipelinedOutOfOrder(sender, attempts, messages);
  }
}

function* pipelinedOutOfOrder(sender: string, attempts: SendAttempt[], messages: Messages): Generator<Violation> {
  const atOnce = attempts.filter((attempt) => isAcked(attempt) && messages.get(keyOf(attempt))?.length === 1);
  for (const [connection, sent] of Map.groupBy(atOnce, ({ connection }) => connection)) {
    let newest = 0;
    for (const { outcome } of sent.toSorted(byStart)) {
      if (outcome.kind !== 'acked') continue;
      if (outcome.seq < newest) {
        const detail = `${sender}: connection ${connection} sent seq ${newest} before seq ${outcome.seq}`;
        yield { kind: 'outOfOrder', detail };
      }
      newest = Math.max(newest, outcome.seq);
    }
  }
}

function* gaps({ conversations, messages }: DatabaseState): Generator<Violation> {
  const stored = Map.groupBy(messages, ({ conversationId }) => conversationId);
  for (const { id, lastSeq } of conversations) {
    const seqs = (stored.get(id) ?? []).map(({ seq }) => seq).sort((a, b) => a - b);
    const wrong = seqs.findIndex((seq, i) => seq !== i + 1);
    if (wrong >= 0) yield { kind: 'gap', detail: `${id}: seq ${seqs[wrong]} is at position ${wrong + 1}` };
    else if (lastSeq !== seqs.length)
      yield { kind: 'gap', detail: `${id}: last seq ${lastSeq}, ${seqs.length} messages` };
  }
}

function* wrongAcks(messages: Messages, rows: Rows): Generator<Violation> {
  for (const [key, attempts] of messages) {
    const acks = attempts.filter(isAcked).map(({ outcome }) => outcome);
    const named = new Set(acks.map(({ id, seq }) => `${id} with seq ${seq}`));
    if (named.size > 1) yield { kind: 'wrongAck', detail: `${key}: ${[...named].join(' and ')}` };
    if (acks.filter(({ duplicate }) => !duplicate).length > 1) {
      yield { kind: 'wrongAck', detail: `${key}: two acks without duplicate: true` };
    }
    const stored = rows.get(key);
    if (named.size !== 1 || !stored || stored.some(({ id, seq }) => named.has(`${id} with seq ${seq}`))) continue;
    yield { kind: 'wrongAck', detail: `${key}: acknowledged as ${[...named][0]}, stored as seq ${stored[0]?.seq}` };
  }
}

function* wrongCounters({ participants }: DatabaseState): Generator<Violation> {
  for (const one of participants) {
    const where = `${one.userId} in ${one.conversationId}`;
    if (one.unreadCount !== one.recount) {
      yield { kind: 'wrongCounter', detail: `${where}: ${one.unreadCount}, the recount is ${one.recount}` };
    }
    if (one.mentionCount !== one.mentionRecount) {
      yield {
        kind: 'wrongCounter',
        detail: `${where}: ${one.mentionCount} mentions, the recount is ${one.mentionRecount}`,
      };
    }
  }
}

function refusals(sends: readonly SendAttempt[]): Record<string, number> {
  const codes = sends.flatMap(({ outcome }) =>
    outcome.kind === 'acked' ? [] : [outcome.kind === 'refused' ? outcome.code : 'unknown'],
  );
  return Object.fromEntries([...Map.groupBy(codes, (code) => code)].map(([code, all]) => [code, all.length]));
}
