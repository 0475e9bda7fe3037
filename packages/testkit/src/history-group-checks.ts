import type { SystemEntry } from '@chat-cluster/contracts';
import type { DatabaseState, DeviceHistory, GroupChangeAttempt, History } from './history.ts';
import { messagesOf } from './history-device-checks.ts';
import { type Range, ReplayedGroup } from './replayed-group.ts';
import type { Violation } from './violation.ts';
import { type Visibility, visibilityOf } from './visibility.ts';

type Row = DatabaseState['messages'][number];
type Attempts = ReadonlyMap<string, GroupChangeAttempt[]>;

/**
 * Groups: a device receives no entry outside of the windows of its user · the stored members, roles, windows and
 * title are those that the entries report · each entry was requested, and its user had the right to it · each
 * acknowledged change has one entry · caps hold after every entry.
 */
export function* groupViolations(history: History): Generator<Violation> {
  const { devices, database, groupChanges = [], caps } = history;
  const visibility = visibilityOf(database);
  for (const device of devices) yield* outsideWindow(device, database, visibility);
  const attempts = Map.groupBy(groupChanges, ({ conversationId, by, changeId }) => keyOf(conversationId, by, changeId));
  const rows = Map.groupBy(database.messages, ({ conversationId }) => conversationId);
  for (const { id, title } of database.conversations) {
    if (title === undefined) continue;
    const replayed = new ReplayedGroup(rows.get(id) ?? [], { caps, seesAll: (row) => withAllHistory(row, attempts) });
    yield* wrongGroup(replayed, { id, title, database });
  }
  yield* withoutEntry(attempts, database.messages);
  yield* withoutRequest(attempts, database.messages);
  if (caps) yield* tooManyGroups(database, caps.groupsPerUser);
}

function keyOf(conversationId: string, userId: string, changeId: string): string {
  return JSON.stringify([conversationId, userId, changeId]);
}

/** The change that made this entry gives new members the whole history. */
function withAllHistory({ conversationId, senderId, clientMessageId }: Row, attempts: Attempts): boolean {
  const change = attempts.get(keyOf(conversationId, senderId, clientMessageId))?.[0]?.change;
  return change?.type === 'add' && change.history === 'all';
}

function* outsideWindow(
  { id, userId, events }: DeviceHistory,
  { messages }: DatabaseState,
  { sees }: Visibility,
): Generator<Violation> {
  const stored = new Set(messages.map((row) => row.id));
  for (const event of events) {
    // Of an earlier epoch, or never stored: other checks report it.
    const hidden = messagesOf(event).filter((one) => stored.has(one.id) && !sees(userId, one.conversationId, one.seq));
    for (const { conversationId, seq } of hidden) {
      yield { kind: 'outsideWindow', detail: `${id}: ${event.kind} of ${conversationId} seq ${seq}` };
    }
  }
}

/** The state of a group that is stored, against its entries. */
function* wrongGroup(
  replayed: ReplayedGroup,
  { id, title, database }: { id: string; title: string; database: DatabaseState },
): Generator<Violation> {
  for (const { kind, detail } of replayed.wrong) yield { kind, detail: `${id} ${detail}` };
  const wrong = (what: string): Violation => ({ kind: 'wrongMembership', detail: `${id}: ${what}` });
  if (title !== replayed.title) yield wrong(`the title is ${title}, the entries report ${replayed.title}`);
  const participants = database.participants.filter(({ conversationId }) => conversationId === id);
  const roles = new Map(participants.flatMap(({ userId, role }) => (role ? [[userId, role] as const] : [])));
  for (const userId of new Set([...roles.keys(), ...replayed.roles.keys()])) {
    const [stored, reported] = [roles.get(userId), replayed.roles.get(userId)];
    if (stored !== reported)
      yield wrong(`${userId} is ${stored ?? 'absent'}, the entries report ${reported ?? 'absent'}`);
  }
  const windows = Map.groupBy(
    (database.windows ?? []).filter(({ conversationId }) => conversationId === id),
    ({ userId }) => userId,
  );
  for (const userId of new Set([...windows.keys(), ...replayed.windows.keys()])) {
    const [stored = [], reported = []] = [windows.get(userId), replayed.windows.get(userId)];
    if (overlap(stored)) yield wrong(`the windows of ${userId} overlap`);
    if (text(stored) !== text(reported)) {
      yield wrong(`windows of ${userId}: ${text(stored)}, the entries report ${text(reported)}`);
    }
  }
}

/** The ranges as text, without those that touch or overlap an earlier one. */
function text(ranges: readonly Range[]): string {
  const merged: Range[] = [];
  for (const { fromSeq, toSeq } of ranges.toSorted((a, b) => a.fromSeq - b.fromSeq)) {
    const last = merged.at(-1);
    if (last && (last.toSeq === null || last.toSeq >= fromSeq - 1)) {
      last.toSeq = last.toSeq === null || toSeq === null ? null : Math.max(last.toSeq, toSeq);
    } else merged.push({ fromSeq, toSeq });
  }
  return merged.map(({ fromSeq, toSeq }) => `${fromSeq} to ${toSeq ?? 'now'}`).join(', ') || 'none';
}

function overlap(windows: readonly Range[]): boolean {
  const inOrder = windows.toSorted((a, b) => a.fromSeq - b.fromSeq);
  return inOrder.some(({ fromSeq }, i) => i > 0 && fromSeq <= (inOrder[i - 1]?.toSeq ?? Number.POSITIVE_INFINITY));
}

function* withoutEntry(attempts: Attempts, messages: readonly Row[]): Generator<Violation> {
  const entries = new Set(messages.map((row) => keyOf(row.conversationId, row.senderId, row.clientMessageId)));
  for (const [key, [first, ...others]] of attempts) {
    const isAcked = first && [first, ...others].some(({ outcome }) => outcome.kind === 'acked');
    if (isAcked && !entries.has(key)) yield { kind: 'lost', detail: `change ${key}: ${JSON.stringify(first.change)}` };
  }
}

const ENTRY_OF = {
  create: 'created',
  add: 'added',
  remove: 'removed',
  leave: 'left',
  rename: 'renamed',
  role: 'role',
} as const satisfies Record<GroupChangeAttempt['change']['type'], SystemEntry['type']>;

function* withoutRequest(attempts: Attempts, messages: readonly Row[]): Generator<Violation> {
  for (const { conversationId, senderId, clientMessageId, system, seq } of messages) {
    if (system === undefined) continue;
    const requested = attempts.get(keyOf(conversationId, senderId, clientMessageId))?.[0]?.change;
    const { type } = JSON.parse(system) as SystemEntry;
    if (requested && ENTRY_OF[requested.type] === type) continue;
    yield { kind: 'unexpected', detail: `${conversationId} seq ${seq}: ${system} was never requested` };
  }
}

function* tooManyGroups({ participants }: DatabaseState, cap: number): Generator<Violation> {
  const groups = Map.groupBy(
    participants.filter(({ role }) => role),
    ({ userId }) => userId,
  );
  for (const [userId, { length }] of groups) {
    if (length > cap) yield { kind: 'overCap', detail: `${userId} is in ${length} groups` };
  }
}
