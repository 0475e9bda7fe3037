import type { DatabaseState, DeviceEvent, DeviceHistory, History } from './history.ts';
import type { Violation } from './violation.ts';

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
  { conversations, events }: DeviceHistory,
  database: DatabaseState,
  withFinal: boolean,
): string[] {
  const held = new Map<string, string>();
  const found: string[] = [];
  for (const event of events) {
    if (event.kind === 'synced' && event.final && !withFinal) break;
    if (event.kind === 'restarted') {
      held.clear();
      found.length = 0;
    }
    for (const { conversationId, seq, id, content } of messagesOf(event)) {
      const place = `${conversationId} seq ${seq}`;
      const message = `${id} ${content}`;
      if ((held.get(place) ?? message) !== message) found.push(`${place} was received as two messages`);
      held.set(place, message);
    }
  }
  const own = new Set(conversations);
  for (const { conversationId, seq, id, content } of database.messages) {
    if (!own.has(conversationId)) continue;
    const place = `${conversationId} seq ${seq}`;
    const message = held.get(place);
    if (message === undefined) found.push(`${place} is missing`);
    else if (message !== `${id} ${content}`) found.push(`${place} is another message`);
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
 * Devices whose last badge is not the recount. A device shows the last `unread_count` that it received. It does not use
 * the total in the ack of `sync`: an app that awaits the ack handles it after events that were sent later.
 */
export function* wrongBadges({ devices, database }: History): Generator<Violation> {
  const unread = new Map<string, number>();
  for (const { userId, recount } of database.participants) unread.set(userId, (unread.get(userId) ?? 0) + recount);
  for (const { id, userId, events } of devices) {
    const expected = unread.get(userId) ?? 0;
    const last = events.findLast((event) => event.kind === 'badge');
    const shown = last?.kind === 'badge' ? last.count : undefined;
    if (shown !== expected) yield { kind: 'wrongBadge', detail: `${id}: shows ${shown}, the recount is ${expected}` };
    const final = events.findLast((event) => event.kind === 'synced' && event.final);
    if (final?.kind === 'synced' && final.unread !== expected) {
      yield { kind: 'wrongBadge', detail: `${id}: the last sync has ${final.unread}, the recount is ${expected}` };
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
