import type { ConversationId } from '@chat-cluster/contracts';
import { laneNumberOf } from '@chat-cluster/queue';
import type { History } from '@chat-cluster/testkit';

/**
 * Milliseconds from the end of the fault (`to`) until every lane has acknowledged a send that began after it, and has
 * delivered one live to its recipient. Undefined when some lane did not.
 */
export function healTime({ sends, devices, database }: History, to: number, lanes: number): number | undefined {
  const lane = (conversationId: string) => laneNumberOf(conversationId as ConversationId, lanes);
  const started = new Map<string, number>();
  for (const { conversationId, clientMessageId, sender, at } of sends) {
    const key = `${conversationId} ${sender} ${clientMessageId}`;
    started.set(key, Math.min(at, started.get(key) ?? at));
  }
  const rows = new Map(database.messages.map((row) => [`${row.conversationId} ${row.seq}`, row]));
  const firstAcks = new Map<number, number>();
  for (const { at, conversationId, outcome } of sends) {
    if (at >= to && outcome.kind === 'acked') keepEarliest(firstAcks, lane(conversationId), outcome.at);
  }
  const firstDeliveries = new Map<number, number>();
  for (const { userId, events } of devices) {
    for (const event of events) {
      if (event.kind !== 'message' || event.at < to) continue;
      const row = rows.get(`${event.conversationId} ${event.seq}`);
      if (!row || row.senderId === userId) continue;
      const startedAt = started.get(`${row.conversationId} ${row.senderId} ${row.clientMessageId}`) ?? 0;
      if (startedAt >= to) keepEarliest(firstDeliveries, lane(event.conversationId), event.at);
    }
  }
  const used = new Set(database.conversations.map(({ id }) => lane(id)));
  const healed = Math.max(
    ...[...used].flatMap((one) => [firstAcks, firstDeliveries].map((of) => of.get(one) ?? Number.POSITIVE_INFINITY)),
  );
  return healed === Number.POSITIVE_INFINITY ? undefined : healed - to;
}

function keepEarliest(times: Map<number, number>, lane: number, at: number): void {
  times.set(lane, Math.min(at, times.get(lane) ?? at));
}
