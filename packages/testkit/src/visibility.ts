import type { SystemEntry } from '@chat-cluster/contracts';
import type { DatabaseState } from './history.ts';

/** The entries that each user may see. */
export interface Visibility {
  isGroup(conversationId: string): boolean;
  sees(userId: string, conversationId: string, seq: number): boolean;
  /** The first entry after `seq` that was written while the user was in the conversation; undefined: none. */
  nextAfter(seq: number, userId: string, conversationId: string): number | undefined;
}

interface Range {
  from: number;
  to: number;
}

/** Everything in a direct conversation; in a group what the stored windows of the user contain. */
export function visibilityOf({ conversations, windows = [], messages }: DatabaseState): Visibility {
  const lastSeqs = new Map(conversations.map(({ id, lastSeq }) => [id, lastSeq]));
  const groups = new Set(conversations.flatMap(({ id, title }) => (title === undefined ? [] : id)));
  const stored = Map.groupBy(windows, ({ conversationId, userId }) => `${conversationId} ${userId}`);
  const memberships = membershipsIn(messages);
  const inGroup = (userId: string, conversationId: string) =>
    (stored.get(`${conversationId} ${userId}`) ?? []).map(({ fromSeq, toSeq }) => ({
      from: fromSeq,
      to: toSeq ?? lastSeqs.get(conversationId) ?? 0,
    }));
  return {
    isGroup: (conversationId) => groups.has(conversationId),
    sees: (userId, conversationId, seq) =>
      !groups.has(conversationId) || inGroup(userId, conversationId).some(({ from, to }) => seq >= from && seq <= to),
    nextAfter(seq, userId, conversationId) {
      const last = lastSeqs.get(conversationId) ?? 0;
      const ranges = groups.has(conversationId)
        ? (memberships.get(`${conversationId} ${userId}`) ?? [])
        : [{ from: 1, to: last }];
      const next = ranges.flatMap(({ from, to }) => (Math.min(to, last) > seq ? Math.max(from, seq + 1) : []));
      return next.length === 0 ? undefined : Math.min(...next);
    },
  };
}

/** By conversation and user: from the entry that adds the user to the one that ends the membership. */
function membershipsIn(messages: DatabaseState['messages']): Map<string, Range[]> {
  const ranges = new Map<string, Range[]>();
  for (const { conversationId, seq, senderId, system } of messages.toSorted((a, b) => a.seq - b.seq)) {
    if (system === undefined) continue;
    const entry = JSON.parse(system) as SystemEntry;
    const begin = (userId: string) => {
      const key = `${conversationId} ${userId}`;
      ranges.set(key, [...(ranges.get(key) ?? []), { from: seq, to: Number.POSITIVE_INFINITY }]);
    };
    const end = (userId: string) => {
      const last = ranges.get(`${conversationId} ${userId}`)?.at(-1);
      if (last) last.to = seq;
    };
    if (entry.type === 'created') for (const userId of new Set([senderId, ...entry.userIds])) begin(userId);
    else if (entry.type === 'added') entry.userIds.forEach(begin);
    else if (entry.type === 'removed') entry.userIds.forEach(end);
    else if (entry.type === 'left') end(senderId);
  }
  return ranges;
}
