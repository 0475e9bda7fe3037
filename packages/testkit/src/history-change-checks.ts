import {
  type DatabaseState,
  type DeviceHistory,
  type History,
  type MessageChangeAttempt,
  reactionsText,
  type SeenMessage,
} from './history.ts';
import { messagesOf } from './history-device-checks.ts';
import type { Violation } from './violation.ts';

type Row = DatabaseState['messages'][number];
type Edit = MessageChangeAttempt & { change: { type: 'edit' } };
type Reaction = MessageChangeAttempt & { change: { type: 'react' } };
type Acked = MessageChangeAttempt & { outcome: { kind: 'acked' } };

/**
 * Changes of messages: an acknowledged change is stored, once · what is stored was requested · the changes of a
 * conversation have the numbers 1, 2, 3 … · a device shows no earlier state after a later one · the content of a deleted
 * message does not appear after the deletion.
 */
export function* changeViolations({ devices, database, messageChanges = [] }: History): Generator<Violation> {
  const rows = new Map(database.messages.map((row) => [placeOf(row), row]));
  const ofMessage = Map.groupBy(messageChanges, placeOf);
  for (const [place, changes] of ofMessage) yield* lostChanges(place, changes, rows.get(place), database);
  for (const [place, row] of rows) yield* unexpectedState(place, row, ofMessage.get(place) ?? []);
  yield* repeatedEdits(database);
  yield* wrongCounts(database);
  yield* wrongNumbers(database, devices, messageChanges);
  const deletedAt = timesOfDeletion(messageChanges);
  for (const device of devices) yield* staleStates(device, deletedAt);
}

function placeOf({ conversationId, seq }: { conversationId: string; seq: number }): string {
  return `${conversationId} seq ${seq}`;
}

function isAcked(attempt: MessageChangeAttempt): attempt is Acked {
  return attempt.outcome.kind === 'acked';
}

/** It may have had an effect. */
function mayHold({ outcome }: MessageChangeAttempt): boolean {
  return outcome.kind !== 'refused' || outcome.retryable;
}

function isEdit(attempt: MessageChangeAttempt): attempt is Edit {
  return attempt.change.type === 'edit';
}

function isReaction(attempt: MessageChangeAttempt): attempt is Reaction {
  return attempt.change.type === 'react';
}

function* lostChanges(
  place: string,
  changes: readonly MessageChangeAttempt[],
  row: Row | undefined,
  { versions = [], reactions = [] }: DatabaseState,
): Generator<Violation> {
  const lost = (what: string): Violation => ({ kind: 'lost', detail: `${what} of ${place}` });
  const stored = versions.filter((version) => placeOf(version) === place).map(({ changeId }) => changeId);
  for (const { change, outcome } of changes.filter(isAcked)) {
    if (outcome.rev > (row?.rev ?? 0)) yield lost(`change ${outcome.rev}`);
    else if (change.type === 'delete' && !row?.deleted) yield lost('the deletion');
    else if (change.type === 'edit' && !row?.deleted && !stored.includes(change.changeId))
      yield lost(`edit ${change.changeId}`);
  }
  if (!row || row.deleted) return;
  const newest = changes.filter(isEdit).find(({ change }) => change.changeId === stored.at(-1));
  if (newest && newest.change.content !== row.content)
    yield lost(`the content of the last edit ${newest.change.changeId}`);
  const held = new Set(
    reactions.filter((one) => placeOf(one) === place).map(({ userId, emoji }) => `${userId} ${emoji}`),
  );
  const byReaction = Map.groupBy(changes.filter(isReaction), ({ by, change: { emoji } }) => `${by} ${emoji}`);
  for (const [reaction, attempts] of byReaction) {
    const last = lastOf(attempts);
    if (last && last.change.on !== held.has(reaction))
      yield lost(`reaction ${reaction} ${last.change.on ? 'set' : 'cleared'}`);
  }
}

/** The attempt that began after all others had ended; undefined: some of them overlap. */
function lastOf(attempts: readonly Reaction[]): Reaction | undefined {
  const inOrder = attempts.filter(mayHold).toSorted((a, b) => a.at - b.at);
  const last = inOrder.at(-1);
  return last && isAcked(last) && inOrder.slice(0, -1).every(({ outcome }) => isEnded(outcome, last.at))
    ? last
    : undefined;
}

function isEnded({ kind, at }: MessageChangeAttempt['outcome'], before: number): boolean {
  return kind === 'acked' && at < before;
}

function* unexpectedState(place: string, row: Row, changes: readonly MessageChangeAttempt[]): Generator<Violation> {
  const wasRequested = changes.some((one) => one.change.type === 'delete' && mayHold(one));
  if (row.deleted && !wasRequested) yield { kind: 'unexpected', detail: `${place} is deleted without a request` };
  if (row.deleted && row.content !== '')
    yield { kind: 'deletedShown', detail: `the database has the content of ${place}` };
}

/** Contents that the edits of a message may have given it. */
export function editedContents(history: History): (row: Row) => string[] {
  const edits = Map.groupBy((history.messageChanges ?? []).filter(isEdit).filter(mayHold), placeOf);
  return (row) => (edits.get(placeOf(row)) ?? []).map(({ change }) => change.content);
}

function* repeatedEdits({ versions = [] }: DatabaseState): Generator<Violation> {
  for (const [edit, { length }] of Map.groupBy(versions, (one) => `${one.changeId} of ${placeOf(one)}`)) {
    if (length > 1) yield { kind: 'duplicated', detail: `edit ${edit} was applied ${length} times` };
  }
}

/** Messages whose counts of reactions are not the numbers of stored reactions. */
function* wrongCounts({ messages, reactions = [] }: DatabaseState): Generator<Violation> {
  const ofMessage = Map.groupBy(reactions, placeOf);
  for (const row of messages) {
    const emojis = Map.groupBy(ofMessage.get(placeOf(row)) ?? [], ({ emoji }) => emoji);
    const recount = reactionsText([...emojis].map(([emoji, { length: count }]) => ({ emoji, count })));
    if (row.deleted || recount === (row.reactions ?? '')) continue;
    yield { kind: 'wrongCounter', detail: `${placeOf(row)} has the reactions ${row.reactions}, stored are ${recount}` };
  }
}

function* wrongNumbers(
  { conversations, messages }: DatabaseState,
  devices: readonly DeviceHistory[],
  changes: readonly MessageChangeAttempt[],
): Generator<Violation> {
  const numbered: { conversationId: string; seq: number; rev?: number }[] = [
    ...messages,
    ...devices
      .flatMap(({ events }) => events.slice(events.findLastIndex(({ kind }) => kind === 'restarted') + 1))
      .flatMap(messagesOf),
    ...changes.filter(isAcked).map(({ conversationId, seq, outcome: { rev } }) => ({ conversationId, seq, rev })),
  ];
  const ofConversation = Map.groupBy(numbered, ({ conversationId }) => conversationId);
  for (const { id, lastRev = 0 } of conversations) {
    const seqs = new Map<number, number>();
    for (const { rev = 0, seq } of ofConversation.get(id) ?? []) {
      const other = seqs.get(rev) ?? seq;
      if (rev > 0 && other !== seq) yield { kind: 'revGap', detail: `${id} rev ${rev} is of seq ${other} and ${seq}` };
      seqs.set(rev, seq);
    }
    seqs.delete(0);
    const last = Math.max(0, ...messages.flatMap((row) => (row.conversationId === id ? (row.rev ?? 0) : [])));
    if (last !== lastRev)
      yield { kind: 'revGap', detail: `${id}: last rev ${lastRev}, that of its messages is ${last}` };
    const requested = new Set(changes.filter((one) => one.conversationId === id && mayHold(one)).map(effectOf)).size;
    if (lastRev > requested) yield { kind: 'revGap', detail: `${id}: last rev ${lastRev}, ${requested} changes` };
  }
}

/** Attempts with the same key have one effect together. */
function effectOf({ by, seq, at, change }: MessageChangeAttempt): string {
  if (change.type === 'edit') return `${seq} edit ${by} ${change.changeId}`;
  return change.type === 'delete' ? `${seq} delete` : `${seq} ${by} ${change.emoji} ${at}`;
}

/** When each deletion was first acknowledged, by place. */
function timesOfDeletion(changes: readonly MessageChangeAttempt[]): ReadonlyMap<string, number> {
  const times = new Map<string, number>();
  for (const attempt of changes.filter(isAcked)) {
    if (attempt.change.type !== 'delete') continue;
    const place = placeOf(attempt);
    times.set(place, Math.min(attempt.outcome.at, times.get(place) ?? Number.POSITIVE_INFINITY));
  }
  return times;
}

function* staleStates(
  { id, client, events }: DeviceHistory,
  deletedAt: ReadonlyMap<string, number>,
): Generator<Violation> {
  let shown = new Map<string, SeenMessage>();
  for (const event of events) {
    if (event.kind === 'restarted') shown = new Map();
    // A live message of a stock device may arrive after the ack of a sync that has a later state.
    const isLate = event.kind === 'message' && client !== 'library';
    for (const message of isLate ? [] : messagesOf(event)) {
      const place = placeOf(message);
      const before = shown.get(place);
      shown.set(place, message);
      const requestedAt = event.kind === 'synced' ? (event.requestedAt ?? 0) : 0;
      const isGone = before?.deleted || requestedAt > (deletedAt.get(place) ?? Number.POSITIVE_INFINITY);
      if (isGone && message.content !== '') yield { kind: 'deletedShown', detail: `${id}: ${event.kind} of ${place}` };
      else if (isOlder(message, before, event.kind)) {
        yield {
          kind: 'staleChange',
          detail: `${id}: ${event.kind} of ${place}, rev ${message.rev}, after rev ${before?.rev}`,
        };
      }
    }
  }
}

/** A change is reported once; a sync may repeat what the device has. */
function isOlder({ rev = 0 }: SeenMessage, before: SeenMessage | undefined, kind: string): boolean {
  if (!before) return false;
  return kind === 'changed' ? rev <= (before.rev ?? 0) : rev < (before.rev ?? 0);
}
