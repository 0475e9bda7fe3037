import { laneNumberOf } from '@chat-cluster/queue';
import type { History } from '@chat-cluster/testkit';

/**
 * Milliseconds from the end of the trouble until all lanes work again: each has acknowledged a send that began after
 * it, and delivered one live to the other side. Undefined when that never was.
 */
export function healTime({ sends, devices, database }: History, to: number, lanes: number): number | undefined {
  const lane = (conversationId: string) => laneNumberOf(conversationId as Parameters<typeof laneNumberOf>[0], lanes);
  const started = new Map<string, number>();
  for (const { conversationId, clientMessageId, sender, at } of sends) {
    const key = `${conversationId} ${sender} ${clientMessageId}`;
    started.set(key, Math.min(at, started.get(key) ?? at));
  }
  const rows = new Map(database.messages.map((row) => [`${row.conversationId} ${row.seq}`, row]));
  const acked = new Earliest();
  for (const { at, conversationId, outcome } of sends) {
    if (at >= to && outcome.kind === 'acked') acked.note(lane(conversationId), outcome.at);
  }
  const delivered = new Earliest();
  for (const { userId, events } of devices) {
    for (const event of events) {
      if (event.kind !== 'message' || event.at < to) continue;
      const row = rows.get(`${event.conversationId} ${event.seq}`);
      if (!row || row.senderId === userId) continue;
      const began = started.get(`${row.conversationId} ${row.senderId} ${row.clientMessageId}`) ?? 0;
      if (began >= to) delivered.note(lane(event.conversationId), event.at);
    }
  }
  const used = new Set(database.conversations.map(({ id }) => lane(id)));
  if ([...used].some((one) => !acked.has(one) || !delivered.has(one))) return undefined;
  return Math.max(...[...used].flatMap((one) => [acked.of(one), delivered.of(one)])) - to;
}

class Earliest {
  #at = new Map<number, number>();

  note(what: number, at: number): void {
    this.#at.set(what, Math.min(at, this.of(what)));
  }

  has(what: number): boolean {
    return this.#at.has(what);
  }

  of(what: number): number {
    return this.#at.get(what) ?? Number.POSITIVE_INFINITY;
  }
}
