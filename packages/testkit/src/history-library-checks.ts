import type { DeviceEvent, DeviceHistory, History } from './history.ts';
import type { Violation } from './violation.ts';
import { type Visibility, visibilityOf } from './visibility.ts';

type OutboxEvent = Extract<DeviceEvent, { kind: 'outbox' }>;

/**
 * What the client library promises beyond the guarantees of the server: each message is reported once, in the order of
 * `seq` · what it reports as stored is stored · the messages of one device in one conversation are stored in the order
 * of its calls of `send` · in the end nothing waits in its outbox.
 */
export function* libraryViolations(history: History): Generator<Violation> {
  const rows = new Map(history.database.messages.map((row) => [keyOf(row, row.senderId), row.seq]));
  const visibility = visibilityOf(history.database);
  for (const device of history.devices) {
    if (device.client !== 'library') continue;
    yield* misdelivered(device, visibility);
    const outbox = device.events.filter((event) => event.kind === 'outbox');
    yield* wrongClaims(device, outbox, rows);
    yield* unsent(device, outbox);
    yield* outOfOrder(device, outbox, { history, rows });
  }
}

/** Conversation, sender and client message id. */
function keyOf(of: { conversationId: string; clientMessageId: string }, senderId: string): string {
  return JSON.stringify([of.conversationId, senderId, of.clientMessageId]);
}

/**
 * The device reports the entry after those that it showed when it was in sync for the first time, then each one after the
 * previous one that its user may see, to the last. After a restart it shows the new history without reporting it. A group
 * that was not known at the first sync begins with the first entry that is reported: the device loads those before it.
 * It may also load, without a report, what was written while the user was no member, and became visible later.
 */
function* misdelivered(
  { id, userId, conversations, events }: DeviceHistory,
  { isGroup, sees, nextAfter }: Visibility,
): Generator<Violation> {
  let last = new Map<string, number>();
  for (const event of events) {
    if (event.kind === 'restarted') last = new Map();
    if (event.kind === 'synced') {
      for (const conversation of conversations) {
        const seqs = event.messages.flatMap((one) => (one.conversationId === conversation ? one.seq : []));
        if (last.has(conversation) || (isGroup(conversation) && seqs.length === 0)) continue;
        last.set(conversation, Math.max(0, ...seqs));
      }
    }
    if (event.kind !== 'message' || !sees(userId, event.conversationId, event.seq)) continue;
    const before = last.get(event.conversationId) ?? event.seq - 1;
    last.set(event.conversationId, event.seq);
    const expected = nextAfter(before, userId, event.conversationId);
    if (event.seq > before && event.seq <= (expected ?? event.seq)) continue;
    const detail = `${id}: reported ${event.conversationId} seq ${event.seq}, the next one is ${expected}`;
    yield { kind: 'misdelivered', detail };
  }
  for (const [conversation, before] of last) {
    const expected = nextAfter(before, userId, conversation);
    if (expected === undefined) continue;
    yield { kind: 'misdelivered', detail: `${id}: did not report ${conversation} from seq ${expected} on` };
  }
}

function* wrongClaims(
  { id, userId }: DeviceHistory,
  outbox: readonly OutboxEvent[],
  rows: ReadonlyMap<string, number>,
): Generator<Violation> {
  for (const event of outbox) {
    if (event.status !== 'stored') continue;
    const key = keyOf(event, userId);
    const seq = rows.get(key);
    if (seq === undefined) yield { kind: 'lost', detail: `message ${key}, which ${id} reported as stored` };
    else if (seq !== event.seq) {
      yield { kind: 'wrongAck', detail: `${key}: ${id} reported seq ${event.seq}, stored as seq ${seq}` };
    }
  }
}

function* unsent({ id, userId }: DeviceHistory, outbox: readonly OutboxEvent[]): Generator<Violation> {
  const last = new Map(outbox.map((event) => [keyOf(event, userId), event.status]));
  for (const [key, status] of last) {
    if (status === 'stored' || status === 'discarded') continue;
    yield { kind: 'unsent', detail: `${key} is ${status} on ${id}` };
  }
}

/** Messages that another device sent too, and those that were sent again later, have no place in the order. */
function* outOfOrder(
  { id, userId }: DeviceHistory,
  outbox: readonly OutboxEvent[],
  { history, rows }: { history: History; rows: ReadonlyMap<string, number> },
): Generator<Violation> {
  const others = new Set(history.sends.filter(({ device }) => device !== id).map((send) => keyOf(send, send.sender)));
  const ended = new Set<string>();
  const first = new Map<string, OutboxEvent>();
  for (const event of outbox) {
    const key = keyOf(event, userId);
    if (event.status === 'queued' && ended.has(key)) others.add(key);
    if (event.status === 'stored' || event.status === 'discarded') ended.add(key);
    if (!first.has(key)) first.set(key, event);
  }
  const newest = new Map<string, number>();
  for (const [key, { conversationId }] of first) {
    const seq = rows.get(key);
    if (seq === undefined || others.has(key)) continue;
    const before = newest.get(conversationId) ?? 0;
    if (seq < before) {
      yield {
        kind: 'outOfOrder',
        detail: `${key}: ${id} sent it after the message that has seq ${before}, it has ${seq}`,
      };
    }
    newest.set(conversationId, Math.max(seq, before));
  }
}
