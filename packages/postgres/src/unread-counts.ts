import { type ConversationId, LIMITS, type UnreadCount, type UserId } from '@chat-cluster/contracts';
import type { UnreadCounts, UnreadSummary } from '@chat-cluster/domain';
import { sql } from 'kysely';
import type { Database } from './database.ts';

/** Unread counts from the counters of the participants, which the transaction of each message updates. */
export function createUnreadCounts(db: Database): UnreadCounts {
  return {
    async summaries(userIds) {
      const { rows } = await summariesQuery(userIds).execute(db);
      return rows;
    },
    async recount(userIds, conversationIds) {
      const { rows } = await recountQuery(userIds, conversationIds).execute(db);
      return rows.map(({ userId, count, conversations }) => ({ userId, unread: { count, conversations } }));
    },
  };
}

/**
 * Total of each user in the given order, with the newest conversations that have unread messages (ids are UUIDv7, so
 * the greatest id is the newest conversation).
 *
 * Reads all rows of each user. With `order by … limit`, Postgres would instead scan the primary key from the newest
 * conversation until it finds enough rows of the user, and the whole table for a user without unread messages.
 */
export function summariesQuery(userIds: readonly UserId[]) {
  return sql<UnreadSummary>`
select s.count, s.conversations
from unnest(${userIds}::text[]) with ordinality as i (user_id, ord)
cross join lateral (
  select
    coalesce(sum(p.unread_count), 0)::integer as count,
    coalesce(to_jsonb((
      array_agg(
        jsonb_build_object('conversationId', p.conversation_id, 'count', p.unread_count)
        order by p.conversation_id desc
      ) filter (where p.unread_count > 0)
    )[1:${LIMITS.syncUnreadConversations}::integer]), '[]') as conversations
  from participants p
  where p.user_id = i.user_id
) s
order by i.ord`;
}

interface RecountRow {
  userId: UserId;
  count: number;
  conversations: NonNullable<UnreadCount['conversations']>;
}

/** Total of each user, with the counts in the given conversations that the user is in. */
export function recountQuery(userIds: readonly UserId[], conversationIds: readonly ConversationId[]) {
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
