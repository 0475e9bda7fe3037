import { badgeText, recountedBadges } from './badges.ts';
import type { DatabaseState, DeviceEvent, DeviceHistory, History, SeenMessage } from './history.ts';
import type { Violation } from './violation.ts';
import { visibilityOf } from './visibility.ts';

/** Devices that do not hold what the database holds after their last sync. */
export function* deviceDiffers({ devices, database }: History): Generator<Violation> {
  for (const device of devices) {
    const [first, ...others] = differences(device, database, true);
    if (first === undefined) continue;
    yield {
      kind: 'deviceDiffers',
      detail: `${device.id}: ${first}${others.length > 0 ? `, ${others.length} more` : ''}`,
    };
  }
}

/**
 * Differences between a device and the database, with or without the last sync of the device. What the device held before
 * its last restart is not compared: the database was restored to an earlier state since then.
 */
export function differences(
  { client, userId, conversations, events }: DeviceHistory,
  database: DatabaseState,
  withFinal: boolean,
): string[] {
  const held = new Map<string, SeenMessage>();
  const found: string[] = [];
  for (const event of events) {
    if (event.kind === 'synced' && event.final && !withFinal) break;
    if (event.kind === 'restarted') {
      held.clear();
      found.length = 0;
    }
    for (const message of messagesOf(event)) {
      const place = placeOf(message);
      const earlier = held.get(place);
      if (earlier && !isSameMessage(earlier, message)) found.push(`${place} was received as two messages`);
      held.set(place, message);
    }
  }
  const own = new Set(conversations);
  const { sees } = visibilityOf(database);
  const isSame = client === 'library' ? isSameState : isSameMessage;
  for (const row of database.messages) {
    if (!own.has(row.conversationId)) continue;
    const place = placeOf(row);
    const message = held.get(place);
    held.delete(place);
    if (!sees(userId, row.conversationId, row.seq)) continue;
    if (message === undefined) found.push(`${place} is missing`);
    else if (!isSame(message, row))
      found.push(`${place} is ${message.id === row.id ? 'in another state' : 'another message'}`);
  }
  for (const place of held.keys()) found.push(`${place} is not in the database`);
  return found;
}

function placeOf({ conversationId, seq }: SeenMessage): string {
  return `${conversationId} seq ${seq}`;
}

/** The same message, perhaps before and after a change. A stock device receives no changes of what it has. */
function isSameMessage(a: SeenMessage, b: SeenMessage): boolean {
  return a.id === b.id && a.system === b.system && (a.rev !== b.rev || a.content === b.content);
}

function isSameState(a: SeenMessage, b: SeenMessage): boolean {
  const rest = a.deleted || a.reactions === b.reactions;
  return isSameMessage(a, b) && a.rev === b.rev && a.deleted === b.deleted && rest;
}

/** The messages that an event brings to a device. */
export function messagesOf(event: DeviceEvent): SeenMessage[] {
  if (event.kind === 'message' || event.kind === 'changed') return [event];
  return event.kind === 'synced' ? event.messages : [];
}

/**
 * Devices whose last badge is not the recount. A device shows the last `unread_count` that it received. It does not use
 * the total in the ack of `sync`: an app that awaits the ack handles it after events that were sent later.
 */
export function* wrongBadges({ devices, database }: History): Generator<Violation> {
  const expectedOf = recountedBadges(database.participants);
  for (const { id, userId, events } of devices) {
    const expected = expectedOf(userId);
    const last = events.findLast((event) => event.kind === 'badge');
    const shown = last?.kind === 'badge' ? badgeText(last) : undefined;
    if (shown !== badgeText(expected)) {
      yield { kind: 'wrongBadge', detail: `${id}: shows ${shown}, the recount is ${badgeText(expected)}` };
    }
    const final = events.findLast((event) => event.kind === 'synced' && event.final);
    if (final?.kind === 'synced' && final.unread !== expected.count) {
      yield {
        kind: 'wrongBadge',
        detail: `${id}: the last sync has ${final.unread}, the recount is ${expected.count}`,
      };
    }
  }
}

/** Devices on which a mark moved back, or is beyond the stored one. */
export function* wrongReceipts({ devices, database }: History): Generator<Violation> {
  const stored = new Map(database.participants.map((one) => [`${one.conversationId} ${one.userId}`, one.lastReadSeq]));
  const lastSeqs = new Map(database.conversations.map(({ id, lastSeq }) => [id, lastSeq]));
  for (const { id, events } of devices) {
    let marks = new Map<string, number>();
    for (const event of events) {
      if (event.kind === 'restarted') marks = new Map();
      if (event.kind !== 'receipt') continue;
      const { of, conversationId, userId, upToSeq } = event;
      const key = `${conversationId} ${userId} ${of}`;
      const last = marks.get(key) ?? 0;
      marks.set(key, upToSeq);
      if (upToSeq >= last) continue;
      yield {
        kind: 'wrongReceipt',
        detail: `${id}: ${of} up to ${upToSeq} by ${userId} in ${conversationId}, after ${last}`,
      };
    }
    for (const [key, upToSeq] of marks) {
      const [conversationId = '', userId, of] = key.split(' ');
      const limit = of === 'read' ? stored.get(`${conversationId} ${userId}`) : lastSeqs.get(conversationId);
      if (upToSeq <= (limit ?? 0)) continue;
      yield {
        kind: 'wrongReceipt',
        detail: `${id}: ${of} up to ${upToSeq} by ${userId} in ${conversationId}, stored is ${limit}`,
      };
    }
  }
}

/** Counts new messages that a live device received after a later one of the same conversation. */
export function lateLive(events: readonly DeviceEvent[]): number {
  const held = new Set<string>();
  let newest = new Map<string, number>();
  let late = 0;
  for (const event of events) {
    if (event.kind === 'restarted') held.clear();
    if (event.kind === 'connected' || event.kind === 'restarted' || event.kind === 'synced') newest = new Map();
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
