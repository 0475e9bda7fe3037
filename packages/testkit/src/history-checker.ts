/*
 * Holds a history against the promises of the product:
 *
 *   an ack means stored · stored once · nothing that nobody sent · one sender's messages keep their order · dense seq ·
 *   after `sync` a device holds what the database holds · the last badge is the recount · counters are the recount ·
 *   all acks of a message say the same · no process ends but by order
 *
 * Pure: the same history gives the same verdict. An operation without an answer may have happened or not.
 */
import type { DatabaseState, DeviceEvent, DeviceHistory, History, SendAttempt } from './history.ts';

export const VIOLATIONS = {
  lost: 'acknowledged, and not in the database (a message, or a read mark)',
  duplicated: 'stored more than once',
  unexpected: 'in the database, and never sent, refused for good, or with another content',
  outOfOrder: 'the order of a sender is not the order of seq',
  gap: 'the seq of a conversation is not 1, 2, 3 …',
  wrongAck: 'two acks of a message differ, or an ack and the database',
  deviceDiffers: 'a device does not hold what the database holds, after its last sync',
  wrongBadge: 'the last badge of a device is not the recount',
  wrongCounter: 'a stored counter is not the recount',
  unexpectedExit: 'a process ended, and no fault wanted it',
  unsettled: 'something had not come to rest at the deadline',
} as const;

export type ViolationKind = keyof typeof VIOLATIONS;

export interface Violation {
  kind: ViolationKind;
  detail: string;
}

export interface Verdict {
  violations: Violation[];
  seen: {
    /** Messages, calls of `send_message` for them, and messages with an ack. */
    messages: number;
    attempts: number;
    acked: number;
    /** Calls that were refused, by code; `unknown` for those without an answer. */
    refused: Record<string, number>;
    /** Devices that lacked something until their last sync: an emit was lost and nothing told them. */
    staleDevices: number;
    /** New messages that came to a live device after a later one of their conversation. No promise forbids it. */
    lateLive: number;
  };
}

export function checkHistory(history: History): Verdict {
  const messages = groupSends(history.sends);
  const rows = Map.groupBy(history.database.messages, keyOf);
  return {
    violations: [
      ...lost(messages, rows, history),
      ...duplicated(rows),
      ...unexpected(messages, rows),
      ...outOfOrder(history.sends, messages, rows),
      ...gaps(history.database),
      ...wrongAcks(messages, rows),
      ...devicesThatDiffer(history),
      ...wrongBadges(history),
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

/** The attempts of each message in the order of their start. */
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
      detail: `read mark ${outcome.upToSeq} of ${userId} in ${conversationId}: it stands at ${mark}`,
    };
  }
}

function* duplicated(rows: Rows): Generator<Violation> {
  for (const [key, stored] of rows) {
    if (stored.length < 2) continue;
    yield { kind: 'duplicated', detail: `${key} has the seqs ${stored.map(({ seq }) => seq).join(', ')}` };
  }
}

function* unexpected(messages: Messages, rows: Rows): Generator<Violation> {
  for (const [key, [row]] of rows) {
    const attempts = messages.get(key);
    if (!attempts) yield { kind: 'unexpected', detail: `${key} was never sent` };
    else if (!attempts.some(({ content }) => content === row?.content)) {
      yield { kind: 'unexpected', detail: `${key} has a content that was never sent` };
    } else if (!attempts.some(isAcked) && attempts.some(isRefusedForGood)) {
      yield { kind: 'unexpected', detail: `${key} was refused for good, and is stored` };
    }
  }
}

function isRefusedForGood({ outcome }: SendAttempt): boolean {
  return outcome.kind === 'refused' && !outcome.retryable;
}

/**
 * Two promises. A message first tried after the ack of another of the same sender in the same conversation has the
 * greater seq. So have later ones of a connection whose sends were all taken at the first try: it may pipeline.
 */
function* outOfOrder(sends: readonly SendAttempt[], messages: Messages, rows: Rows): Generator<Violation> {
  const seqOf = (key: string) => rows.get(key)?.[0]?.seq;
  for (const [lane, attempts] of Map.groupBy(sends, ({ conversationId, sender }) => `${conversationId} ${sender}`)) {
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
    yield* pipelinedOutOfOrder(lane, attempts, messages);
  }
}

function* pipelinedOutOfOrder(lane: string, attempts: SendAttempt[], messages: Messages): Generator<Violation> {
  const atOnce = attempts.filter((attempt) => isAcked(attempt) && messages.get(keyOf(attempt))?.length === 1);
  for (const [connection, sent] of Map.groupBy(atOnce, ({ connection }) => connection)) {
    let newest = 0;
    for (const { outcome } of sent.toSorted(byStart)) {
      if (outcome.kind !== 'acked') continue;
      if (outcome.seq < newest) {
        const detail = `${lane}: connection ${connection} sent seq ${newest} before seq ${outcome.seq}`;
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
    if (wrong >= 0) yield { kind: 'gap', detail: `${id}: seq ${seqs[wrong]} stands at place ${wrong + 1}` };
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
      yield { kind: 'wrongAck', detail: `${key}: two acks say they are the first` };
    }
    const stored = rows.get(key);
    if (named.size !== 1 || !stored || stored.some(({ id, seq }) => named.has(`${id} with seq ${seq}`))) continue;
    yield { kind: 'wrongAck', detail: `${key}: acknowledged as ${[...named][0]}, stored as seq ${stored[0]?.seq}` };
  }
}

function* devicesThatDiffer({ devices, database }: History): Generator<Violation> {
  for (const device of devices) {
    const [first, ...others] = differences(device, database, true);
    if (first === undefined) continue;
    yield {
      kind: 'deviceDiffers',
      detail: `${device.id}: ${first}${others.length > 0 ? `, ${others.length} more` : ''}`,
    };
  }
}

/** What the device holds and the database does not, and the other way round; with or without its last sync. */
function differences({ conversations, events }: DeviceHistory, database: DatabaseState, withFinal: boolean): string[] {
  const held = new Map<string, string>();
  const found: string[] = [];
  for (const event of events) {
    if (event.kind === 'synced' && event.final && !withFinal) break;
    for (const { conversationId, seq, id, content } of messagesOf(event)) {
      const place = `${conversationId} seq ${seq}`;
      const what = `${id} ${content}`;
      if ((held.get(place) ?? what) !== what) found.push(`${place} came as two messages`);
      held.set(place, what);
    }
  }
  const own = new Set(conversations);
  for (const { conversationId, seq, id, content } of database.messages) {
    if (!own.has(conversationId)) continue;
    const place = `${conversationId} seq ${seq}`;
    const what = held.get(place);
    if (what === undefined) found.push(`${place} is missing`);
    else if (what !== `${id} ${content}`) found.push(`${place} is another message`);
    held.delete(place);
  }
  for (const place of held.keys()) found.push(`${place} is not in the database`);
  return found;
}

function messagesOf(event: DeviceEvent) {
  if (event.kind === 'message') return [event];
  return event.kind === 'synced' ? event.messages : [];
}

/**
 * A device shows the `unread_count` it heard last. Not the total in the answer to a sync: an app that awaits the answer
 * handles it after events that came behind it.
 */
function* wrongBadges({ devices, database }: History): Generator<Violation> {
  const unread = new Map<string, number>();
  for (const { userId, recount } of database.participants) unread.set(userId, (unread.get(userId) ?? 0) + recount);
  for (const { id, userId, events } of devices) {
    const right = unread.get(userId) ?? 0;
    const last = events.findLast((event) => event.kind === 'badge');
    const shown = last?.kind === 'badge' ? last.count : undefined;
    if (shown !== right) yield { kind: 'wrongBadge', detail: `${id}: shows ${shown}, the recount is ${right}` };
    const final = events.findLast((event) => event.kind === 'synced' && event.final);
    if (final?.kind === 'synced' && final.unread !== right) {
      yield { kind: 'wrongBadge', detail: `${id}: the last sync says ${final.unread}, the recount is ${right}` };
    }
  }
}

function* wrongCounters({ participants }: DatabaseState): Generator<Violation> {
  for (const { conversationId, userId, unreadCount, recount } of participants) {
    if (unreadCount === recount) continue;
    yield { kind: 'wrongCounter', detail: `${userId} in ${conversationId}: ${unreadCount}, the recount is ${recount}` };
  }
}

function refusals(sends: readonly SendAttempt[]): Record<string, number> {
  const codes = sends.flatMap(({ outcome }) =>
    outcome.kind === 'acked' ? [] : [outcome.kind === 'refused' ? outcome.code : 'unknown'],
  );
  return Object.fromEntries([...Map.groupBy(codes, (code) => code)].map(([code, all]) => [code, all.length]));
}

function lateLive(events: readonly DeviceEvent[]): number {
  const held = new Set<string>();
  let newest = new Map<string, number>();
  let late = 0;
  for (const event of events) {
    if (event.kind === 'connected' || event.kind === 'synced') newest = new Map();
    for (const { conversationId, seq } of messagesOf(event)) {
      const fresh = !held.has(`${conversationId} ${seq}`);
      held.add(`${conversationId} ${seq}`);
      if (event.kind !== 'message') continue;
      if (fresh && seq < (newest.get(conversationId) ?? 0)) late++;
      newest.set(conversationId, Math.max(seq, newest.get(conversationId) ?? 0));
    }
  }
  return late;
}
