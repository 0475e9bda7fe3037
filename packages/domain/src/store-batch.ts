import {
  type ConversationId,
  type Entry,
  type EntryResult,
  type GroupChangeEntry,
  type GroupReadEntry,
  type GroupSendEntry,
  type Message,
  type MessageChangeEntry,
  type MessagesRead,
  type ReadEntry,
  Rejection,
  type SendEntry,
  type UserId,
} from '@chat-cluster/contracts';
import { checkEntry } from './check-entry.ts';
import type {
  ConversationEvent,
  ConversationWrites,
  StoredGroupChange,
  StoredGroupMessage,
  StoredGroupRead,
  StoredMessageChange,
} from './group-ports.ts';
import { toMessage } from './message.ts';
import type { DirtyBadge, MarkedRead, MessageStore, ReadMark, StoredMessage } from './ports.ts';
import { readResult } from './result-unreadable.ts';

/** What stores the entries of a lane. */
export interface BatchStores {
  store: MessageStore;
  writes: ConversationWrites;
  /** The entries may be stored already: read marks that do not move are reported again. */
  mayRepeat?: boolean;
}

/**
 * Stores the entries of one lane batch. Those of direct conversations are stored in one transaction, a single statement
 * if all are sends or all are reads. Entries of groups, and changes of messages, follow: for each conversation in their
 * order, in one transaction of `writes`. A change of a message has the same effect before or after the sends and reads
 * of its conversation: it has a counter of its own, and an unread message that is deleted is not counted by either.
 *
 * Groups and changes are in no transaction with the rest, so a fault may leave a part of the batch stored. The batch
 * then runs again.
 */
export async function storeBatch(
  { store, writes, mayRepeat = false }: BatchStores,
  entries: readonly Entry[],
): Promise<BatchOutcome> {
  for (const entry of entries) checkEntry(entry);
  const direct = entries.filter(isDirect);
  const again = { mayRepeat };
  if (direct.length === entries.length) return storeDirect(store, direct, again);
  const outcome = direct.length > 0 ? await storeDirect(store, direct, again) : emptyOutcome();
  const results = new Map<Entry, EntryResult>(direct.map((entry, i) => [entry, outcome.results[i] as EntryResult]));
  for (const ofOne of Map.groupBy(entries.filter(isOther), ({ conversationId }) => conversationId).values()) {
    const applied = await writes.apply(ofOne);
    readResult(() => addApplied(outcome, ofOne, applied, results, again));
  }
  return { ...outcome, results: entries.map((entry) => results.get(entry) as EntryResult) };
}

function isDirect(entry: Entry): entry is DirectEntry {
  return entry.kind === 'send' || entry.kind === 'read';
}

function isOther(entry: Entry): entry is OtherEntry {
  return !isDirect(entry);
}

/** Nothing was stored. */
export function emptyOutcome(): BatchOutcome {
  return { results: [], messages: [], receipts: [], badges: [], events: [], changed: [], groupBadges: [] };
}

/**
 * Stores sends and reads of direct conversations.
 *
 * Sends are stored first, then reads. A read that precedes sends of its conversation in the batch moves its mark at
 * most to the message before the first of them, so the effect is the same as if the entries were stored one by one.
 * The result of a read has the mark and the count after the whole batch.
 *
 * Safe to run again, whole or in part, after a crash at any point: a send that is already stored (same `id`) gets the
 * same result; read marks never move back. Rejects with a TypeError, before anything is stored, when an entry has
 * another shape, and with ResultUnreadable when all of it may be stored.
 */
async function storeDirect(store: MessageStore, entries: readonly DirectEntry[], again: Again): Promise<BatchOutcome> {
  const sends = distinctSends(entries);
  if (!entries.some((entry) => entry.kind === 'read')) {
    const stored = await storeSends(store, sends);
    return readResult(() => outcomeOf(entries, stored, new Map(), again));
  }
  if (sends.size === 0) {
    const moved = await moveMarks(store, entries, new Map());
    return readResult(() => outcomeOf(entries, new Map(), moved, again));
  }
  return store.atomically(async (tx) => {
    const stored = await storeSends(tx, sends);
    return outcomeOf(entries, stored, await moveMarks(tx, entries, stored), again);
  });
}

type Again = Required<Pick<BatchStores, 'mayRepeat'>>;

/** Outcome of a stored batch: a result per entry, and the events to send. */
export interface BatchOutcome {
  /** `results[i]` belongs to `entries[i]`. */
  results: EntryResult[];
  /**
   * In commit order. A repeated run lists them, and the receipts, again: the process of the first run may have died
   * before the emits.
   */
  messages: Message[];
  receipts: { to: UserId[]; receipt: MessagesRead }[];
  /** Badges to recount at once. */
  badges: DirtyBadge[];
  /** Events of groups and changes, in commit order within each conversation. */
  events: ConversationEvent[];
  /** Conversations of which a stored message has changed: a cache may not serve them any more. */
  changed: ConversationId[];
  /** Badges that a message of a group changes, of any number of members: to recount later, and only if connected. */
  groupBadges: { conversationId: ConversationId; userIds: readonly UserId[] }[];
}

type DirectEntry = SendEntry | ReadEntry;
type OtherEntry = Exclude<Entry, DirectEntry>;

type Stored = Map<string, { entry: SendEntry; row: StoredMessage | undefined }>;

/** A batch may contain a message and its resend: the first send of a key is stored, the others get its result. */
function distinctSends(entries: readonly DirectEntry[]): Map<string, SendEntry> {
  const sends = new Map<string, SendEntry>();
  for (const entry of entries) {
    if (entry.kind === 'send' && !sends.has(keyOf(entry))) sends.set(keyOf(entry), entry);
  }
  return sends;
}

/** Unique key of a message in the store. JSON, because an id may contain any separator. */
function keyOf(entry: SendEntry): string {
  return JSON.stringify([entry.conversationId, entry.senderId, entry.clientMessageId]);
}

async function storeSends(store: MessageStore, sends: Map<string, SendEntry>): Promise<Stored> {
  const keys = [...sends];
  const rows = await store.storeSends(keys.map(([, entry]) => entry));
  return new Map(keys.map(([key, entry], i) => [key, { entry, row: rows[i] }]));
}

async function moveMarks(store: MessageStore, entries: readonly DirectEntry[], stored: Stored) {
  const marks = coalesceMarks(entries, stored);
  const moved = await store.markRead([...marks.values()]);
  return new Map([...marks.keys()].map((key, i) => [key, moved[i]]));
}

/** One mark per (conversation, user): the furthest of the batch. */
function coalesceMarks(entries: readonly DirectEntry[], stored: Stored): Map<string, ReadMark> {
  const marks = new Map<string, ReadMark>();
  entries.forEach((entry, i) => {
    if (entry.kind !== 'read') return;
    const { conversationId, userId } = entry;
    const end = endBeforeLaterSend(entries, i, entry, stored);
    const upToSeq = entry.upToSeq === null || end === null ? (entry.upToSeq ?? end) : Math.min(entry.upToSeq, end);
    const earlier = marks.get(markKeyOf(entry));
    const furthest = earlier && (earlier.upToSeq === null || upToSeq === null) ? null : upToSeq;
    marks.set(markKeyOf(entry), {
      conversationId,
      userId,
      upToSeq: earlier?.upToSeq && furthest !== null ? Math.max(earlier.upToSeq, furthest) : furthest,
    });
  });
  return marks;
}

function markKeyOf(entry: ReadEntry): string {
  return JSON.stringify([entry.conversationId, entry.userId]);
}

/** The `seq` before the first send of the same conversation that follows the read in this batch; null if none does. */
function endBeforeLaterSend(
  entries: readonly DirectEntry[],
  from: number,
  read: ReadEntry,
  stored: Stored,
): number | null {
  for (let i = from + 1; i < entries.length; i++) {
    const entry = entries[i];
    if (entry?.kind !== 'send' || entry.conversationId !== read.conversationId) continue;
    const row = stored.get(keyOf(entry))?.row;
    if (row?.id === entry.id) return row.seq - 1;
  }
  return null;
}

function outcomeOf(
  entries: readonly DirectEntry[],
  stored: Stored,
  marked: Map<string, MarkedRead | undefined>,
  again: Again,
): BatchOutcome {
  const outcome = emptyOutcome();
  const handledMarks = new Set<string>();
  for (const entry of entries) {
    if (entry.kind === 'send') addSend(outcome, entry, stored);
    else addRead(outcome, entry, marked.get(markKeyOf(entry)), { handled: handledMarks, ...again });
  }
  return outcome;
}

function addSend(outcome: BatchOutcome, entry: SendEntry, stored: Stored): void {
  const { entry: first, row } = stored.get(keyOf(entry)) ?? {};
  if (!first || !row) {
    outcome.results.push({ kind: 'rejected', error: new Rejection('CONVERSATION_NOT_FOUND').payload });
    return;
  }
  const message = toMessage(first, row);
  if (row.id !== entry.id) {
    outcome.results.push({ kind: 'duplicate', message });
    return;
  }
  const { seq, replyTo } = row;
  outcome.results.push({ kind: 'stored', seq, createdAt: message.createdAt, ...(replyTo && { replyTo }) });
  outcome.messages.push(message);
  if (entry.receiverId !== entry.senderId) {
    outcome.badges.push({ userId: entry.receiverId, conversationId: entry.conversationId });
  }
}

function addRead(
  outcome: BatchOutcome,
  entry: ReadEntry,
  mark: MarkedRead | undefined,
  { handled, mayRepeat }: Again & { handled: Set<string> },
): void {
  if (!mark) {
    outcome.results.push({ kind: 'rejected', error: new Rejection('CONVERSATION_NOT_FOUND').payload });
    return;
  }
  const { conversationId, userId, otherUserId } = entry;
  outcome.results.push({ kind: 'read', upToSeq: mark.upToSeq, unreadCount: mark.unreadCount });
  if (handled.has(markKeyOf(entry))) return;
  handled.add(markKeyOf(entry));
  // Clients of the base protocol expect a badge after each read, even if nothing has changed.
  outcome.badges.push({ userId, conversationId });
  if (!mark.advanced && !mayRepeat) return;
  outcome.receipts.push({
    to: otherUserId === userId ? [userId] : [userId, otherUserId],
    receipt: { conversationId, userId, upToSeq: mark.upToSeq, readAt: mark.readAt.toISOString() },
  });
}

type Applied = Awaited<ReturnType<ConversationWrites['apply']>>;

/** Adds the outcomes of one conversation. */
function addApplied(
  outcome: BatchOutcome,
  entries: readonly OtherEntry[],
  applied: Applied,
  results: Map<Entry, EntryResult>,
  { mayRepeat }: Again,
): void {
  const reads = { readers: new Set<UserId>(), mayRepeat };
  const resultOf = (entry: OtherEntry, one: Applied[number]): EntryResult => {
    if (one instanceof Rejection) return { kind: 'rejected', error: one.payload };
    switch (entry.kind) {
      case 'group_send':
        return addGroupSend(outcome, entry, one as StoredGroupMessage);
      case 'group_read':
        return addGroupRead(outcome, entry, one as StoredGroupRead, reads);
      case 'group_change':
        return addGroupChange(outcome, entry, one as StoredGroupChange);
      case 'message_change':
        return addMessageChange(outcome, entry, one as StoredMessageChange);
    }
  };
  for (const [i, entry] of entries.entries()) results.set(entry, resultOf(entry, applied[i] as Applied[number]));
}

function addGroupSend(outcome: BatchOutcome, entry: GroupSendEntry, stored: StoredGroupMessage): EntryResult {
  const { message, duplicate, to, unreadBy } = stored;
  if (!duplicate) {
    outcome.events.push({ type: 'message', to, message, ...(entry.trace && { trace: entry.trace }) });
    outcome.groupBadges.push({ conversationId: entry.conversationId, userIds: unreadBy });
  }
  return { kind: 'group_stored', message, duplicate };
}

function addGroupRead(
  outcome: BatchOutcome,
  { conversationId, userId }: GroupReadEntry,
  { upToSeq, readAt, advanced, unreadCount, to }: StoredGroupRead,
  { readers, mayRepeat }: Again & { readers: Set<UserId> },
): EntryResult {
  if (!readers.has(userId)) {
    readers.add(userId);
    // Clients of the base protocol expect a badge after each read, even if nothing has changed.
    outcome.badges.push({ userId, conversationId });
    const receipt = { conversationId, userId, upToSeq, readAt: readAt.toISOString() };
    if ((advanced || mayRepeat) && to) outcome.events.push({ type: 'read', to, receipt });
  }
  return { kind: 'read', upToSeq, unreadCount };
}

/** Members join a room before the entry is published to it, and leave it after the entry. */
function addGroupChange(outcome: BatchOutcome, entry: GroupChangeEntry, stored: StoredGroupChange): EntryResult {
  const { conversationId, trace } = entry;
  const { duplicate, groups, room, to, badges } = stored;
  if (!duplicate) {
    const membership: ConversationEvent[] =
      groups.size > 0 ? [{ type: 'membership', conversationId, groups, ...(room && { room }) }] : [];
    const message: ConversationEvent[] = stored.entry
      ? [{ type: 'message', to, message: stored.entry, ...(trace && { trace }) }]
      : [];
    outcome.events.push(...(room === 'leave' ? [...message, ...membership] : [...membership, ...message]));
    outcome.badges.push(...badges.map((userId) => ({ userId, conversationId })));
  }
  return { kind: 'group_changed', group: stored.group };
}

function addMessageChange(outcome: BatchOutcome, entry: MessageChangeEntry, stored: StoredMessageChange): EntryResult {
  const { conversationId } = entry;
  const { message, changed, to, badges } = stored;
  if (changed) {
    outcome.events.push({ type: 'changed', to, changed });
    outcome.changed.push(conversationId);
  }
  const isDirect = message.receiverId !== undefined;
  if (isDirect) outcome.badges.push(...badges.map((userId) => ({ userId, conversationId })));
  else if (badges.length > 0) outcome.groupBadges.push({ conversationId, userIds: badges });
  return { kind: 'message_changed', message };
}
