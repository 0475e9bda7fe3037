import type { ConversationId, UnreadCount, UserId } from '@chat-cluster/contracts';
import type { UnreadCounts } from '@chat-cluster/domain';
import { sql } from 'kysely';
import type { Database } from './database.ts';

/** Unread counts from the participants' counters, which the store keeps in the transaction of each message. */
export function createUnreadCounts(db: Database): UnreadCounts {
  return {
    async totals(userIds) {
      const rows = await totalsQuery(db, userIds).execute();
      const totals = new Map(rows.map((row) => [row.user_id, row.count]));
      return userIds.map((id) => totals.get(id) ?? 0);
    },
    async recount(userIds, conversationIds) {
      const { rows } = await recount(userIds, conversationIds).execute(db);
      return rows.map(({ userId, count, conversations }) => ({ userId, unread: { count, conversations } }));
    },
  };
}

export function totalsQuery(db: Database, userIds: readonly UserId[]) {
  return db
    .selectFrom('participants')
    .select(['user_id', sql<number>`sum(unread_count)::integer`.as('count')])
    .where('user_id', '=', sql<UserId>`any(${userIds}::text[])`)
    .groupBy('user_id');
}

interface RecountRow {
  userId: UserId;
  count: number;
  conversations: NonNullable<UnreadCount['conversations']>;
}

/** Total of each user, with the counts of those of the conversations that the user is in. */
export function recount(userIds: readonly UserId[], conversationIds: readonly ConversationId[]) {
  return sql<RecountRow>`
select
  p.user_id as "userId",
  sum(p.unread_count)::integer as count,
  coalesce(
    jsonb_agg(jsonb_build_object('conversationId', p.conversation_id, 'count', p.unread_count))
      filter (where p.conversation_id = any(${conversationIds}::uuid[])),
    '[]'
  ) as conversations
from participants p
where p.user_id = any(${userIds}::text[])
group by p.user_id`;
}
