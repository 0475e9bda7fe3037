import type { ConversationId } from '@chat-cluster/contracts';
import type { Database } from '@chat-cluster/postgres';
import type { ParticipantState } from './history.ts';

/** Members and former members of groups: their unread messages by the stored numbers, and counted from the messages. */
export async function readMembers(db: Database, ids: ConversationId[]): Promise<ParticipantState[]> {
  const members = await db
    .selectFrom('members as m')
    .innerJoin('conversations as c', 'c.id', 'm.conversation_id')
    .where('c.id', 'in', ids)
    .select(['m.conversation_id', 'm.user_id', 'm.role', 'm.last_read_seq', 'm.muted'])
    .select(['c.counted', 'm.read_counted', 'm.own_after', 'm.mention_count'])
    .execute();
  if (members.length === 0) return [];
  const deletions = await placesIn(db, 'deletions', ids);
  const mentionsOfAll = await placesIn(db, 'all_mentions', ids);
  const messages = await messagesOf(db, ids);
  return members.map((row) => {
    const isUnread = ({ seq, sender_id }: Place) => seq > row.last_read_seq && sender_id !== row.user_id;
    const unread = (places: ReadonlyMap<ConversationId, Place[]>) =>
      (places.get(row.conversation_id) ?? []).filter(isUnread).length;
    const recounted = (messages.get(row.conversation_id) ?? []).filter(isUnread);
    const mentioning = recounted.filter(({ extra }) => extra?.mentionsAll || extra?.mentions?.includes(row.user_id));
    const isMember = row.role !== null;
    const stored = (row.counted ?? 0) - row.read_counted - row.own_after - unread(deletions);
    return {
      conversationId: row.conversation_id,
      userId: row.user_id,
      lastReadSeq: row.last_read_seq,
      role: row.role,
      // A former member has nothing unread.
      unreadCount: isMember ? stored : 0,
      recount: isMember ? recounted.length : 0,
      mentionCount: isMember ? row.mention_count + unread(mentionsOfAll) : 0,
      mentionRecount: isMember ? mentioning.length : 0,
      ...(row.muted && { muted: true as const }),
    };
  });
}

interface Place {
  seq: number;
  sender_id: string;
}

async function placesIn(db: Database, table: 'deletions' | 'all_mentions', ids: ConversationId[]) {
  const rows = await db
    .selectFrom(table)
    .where('conversation_id', 'in', ids)
    .select(['conversation_id', 'seq', 'sender_id'])
    .execute();
  return Map.groupBy(rows, (row) => row.conversation_id);
}

/** Messages that count as unread: those that are not deleted, without entries about the group itself. */
async function messagesOf(db: Database, ids: ConversationId[]) {
  const rows = await db
    .selectFrom('messages')
    .where('conversation_id', 'in', ids)
    .where('counted_at', 'is not', null)
    .where('deleted_at', 'is', null)
    .select(['conversation_id', 'seq', 'sender_id', 'extra'])
    .execute();
  return Map.groupBy(
    rows.filter(({ extra }) => !extra?.system),
    (row) => row.conversation_id,
  );
}
