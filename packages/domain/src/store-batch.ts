import {
  type Entry,
  type EntryResult,
  type Message,
  type MessagesRead,
  type ReadEntry,
  Rejection,
  type SendEntry,
  type UserId,
} from '@chat-cluster/contracts';
import { checkEntry } from './check-entry.ts';
import { toMessage } from './message.ts';
import type { DirtyBadge, MarkedRead, MessageStore, ReadMark, StoredMessage } from './ports.ts';
import { readResult } from './result-unreadable.ts';

/**
 * Stores the entries of one lane batch in one transaction: a single statement if all are sends or all are reads.
 *
 * Sends are stored first, then reads. A read that precedes sends of its conversation in the batch moves its mark at
 * most to the message before the first of them, so the effect is the same as if the entries were stored one by one.
 * The result of a read has the mark and the count after the whole batch.
 *
 * Safe to run again, whole or in part, after a crash at any point: a send that is already stored (same `id`) gets the
 * same result; read marks never move back. Rejects with a TypeError, before anything is stored, when an entry has
 * another shape, and with ResultUnreadable when all of it may be stored.
 */
export async function storeBatch(store: MessageStore, entries: readonly Entry[]): Promise<BatchOutcome> {
  for (const entry of entries) checkEntry(entry);
  const sends = distinctSends(entries);
  if (!entries.some((entry) => entry.kind === 'read')) {
    const stored = await storeSends(store, sends);
    return readResult(() => outcomeOf(entries, stored, new Map()));
  }
  if (sends.size === 0) {
    const moved = await moveMarks(store, entries, new Map());
    return readResult(() => outcomeOf(entries, new Map(), moved));
  }
  return store.atomically(async (tx) => {
    const stored = await storeSends(tx, sends);
    return outcomeOf(entries, stored, await moveMarks(tx, entries, stored));
  });
}

/** Outcome of a stored batch: a result per entry, and the events to send. */
export interface BatchOutcome {
  /** `results[i]` belongs to `entries[i]`. */
  results: EntryResult[];
  /** In commit order. A repeated run lists them again: the process of the first run may have died before the emits. */
  messages: Message[];
  receipts: { to: UserId[]; receipt: MessagesRead }[];
  badges: DirtyBadge[];
}

type Stored = Map<string, { entry: SendEntry; row: StoredMessage | undefined }>;

/** A batch may contain a message and its resend: the first send of a key is stored, the others get its result. */
function distinctSends(entries: readonly Entry[]): Map<string, SendEntry> {
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

async function moveMarks(store: MessageStore, entries: readonly Entry[], stored: Stored) {
  const marks = coalesceMarks(entries, stored);
  const moved = await store.markRead([...marks.values()]);
  return new Map([...marks.keys()].map((key, i) => [key, moved[i]]));
}

/** One mark per (conversation, user): the furthest of the batch. */
function coalesceMarks(entries: readonly Entry[], stored: Stored): Map<string, ReadMark> {
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
function endBeforeLaterSend(entries: readonly Entry[], from: number, read: ReadEntry, stored: Stored): number | null {
  for (let i = from + 1; i < entries.length; i++) {
    const entry = entries[i];
    if (entry?.kind !== 'send' || entry.conversationId !== read.conversationId) continue;
    const row = stored.get(keyOf(entry))?.row;
    if (row?.id === entry.id) return row.seq - 1;
  }
  return null;
}

function outcomeOf(
  entries: readonly Entry[],
  stored: Stored,
  marked: Map<string, MarkedRead | undefined>,
): BatchOutcome {
  const outcome: BatchOutcome = { results: [], messages: [], receipts: [], badges: [] };
  const handledMarks = new Set<string>();
  for (const entry of entries) {
    if (entry.kind === 'send') addSend(outcome, entry, stored);
    else addRead(outcome, entry, marked.get(markKeyOf(entry)), handledMarks);
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
  outcome.results.push({ kind: 'stored', seq: row.seq, createdAt: message.createdAt });
  outcome.messages.push(message);
  if (entry.receiverId !== entry.senderId) {
    outcome.badges.push({ userId: entry.receiverId, conversationId: entry.conversationId });
  }
}

function addRead(outcome: BatchOutcome, entry: ReadEntry, mark: MarkedRead | undefined, handled: Set<string>): void {
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
  if (!mark.advanced) return;
  outcome.receipts.push({
    to: otherUserId === userId ? [userId] : [userId, otherUserId],
    receipt: { conversationId, userId, upToSeq: mark.upToSeq, readAt: mark.readAt.toISOString() },
  });
}
