import { type ConversationId, LIMITS, type UnreadCount, type UserId } from '@chat-cluster/contracts';
import type { UnreadCounts, UnreadSummary } from '@chat-cluster/domain';
import { sql } from 'kysely';
import type { Database } from './database.ts';
import { GROUP_MENTIONS, GROUP_UNREAD } from './group-unread.ts';

/** Users kept by `createUnreadCounts`: about 10 MB. */
const MAX_USERS = 100_000;

/**
 * Unread counts: of direct conversations from the counters of the participants, which the transaction of each message
 * updates; of groups by the arithmetic of group-unread.ts.
 *
 * Most users have direct conversations only. Their statement reads nothing of groups, and returns `has_more` for users that
 * another statement must count. That one is correct for every user, so it also counts those who were once found.
 */
export function createUnreadCounts(db: Database): UnreadCounts {
  const known = new Set<UserId>();
  const isUnknown = (userId: UserId) => !known.has(userId);
  const note = (userId: UserId) => {
    if (known.size >= MAX_USERS) known.clear();
    known.add(userId);
  };
  return {
    async summaries(userIds) {
      const found = new Map<UserId, UnreadSummary>();
      const direct = userIds.filter(isUnknown);
      if (direct.length > 0) {
        const { rows } = await summariesQuery(direct).execute(db);
        rows.forEach(({ count, conversations, has_more }, i) => {
          const userId = direct[i] as UserId;
          if (has_more) note(userId);
          else found.set(userId, { count, conversations, rooms: [] });
        });
      }
      const others = userIds.filter((userId) => !found.has(userId));
      if (others.length > 0) {
        const { rows } = await summariesWithGroupsQuery(others).execute(db);
        rows.forEach(({ conversations, rooms, ...row }, i) => {
          found.set(others[i] as UserId, { ...totalsOf(row), conversations, rooms });
        });
      }
      return userIds.map((userId) => found.get(userId) as UnreadSummary);
    },
    async recount(userIds, conversationIds) {
      const found = new Map<UserId, UnreadCount>();
      const direct = userIds.filter(isUnknown);
      if (direct.length > 0) {
        const { rows } = await recountQuery(direct, conversationIds).execute(db);
        for (const { userId, count, conversations, has_more } of rows) {
          if (has_more) note(userId);
          else found.set(userId, { count, conversations });
        }
      }
      // A user without a row may be in groups only.
      const others = userIds.filter((userId) => !found.has(userId));
      if (others.length > 0) {
        const { rows } = await recountWithGroupsQuery(others, conversationIds).execute(db);
        for (const { userId, conversations, ...row } of rows) found.set(userId, { ...totalsOf(row), conversations });
      }
      return [...found].map(([userId, unread]) => ({ userId, unread }));
    },
  };
}

/** Those of the users whose counts depend on more than the counters of direct conversations; see `user_groups`. */
export function usersWithMore(userIds: readonly UserId[]) {
  return sql`any(array(select g.user_id from user_groups g where g.user_id = any(${userIds}::text[])))`;
}

export interface TotalsRow {
  count: number;
  muted: number;
  mentions: number;
}

/** Absent: none. So a user without mentions and muted conversations gets the counts of the base protocol. */
function totalsOf({ count, muted, mentions }: TotalsRow): Pick<UnreadCount, 'count' | 'mutedCount' | 'mentionCount'> {
  return { count, ...(muted > 0 && { mutedCount: muted }), ...(mentions > 0 && { mentionCount: mentions }) };
}

const TOTALS = sql.raw(`
    coalesce(sum(u.unread) filter (where u.muted is not true), 0)::integer as count,
    coalesce(sum(u.unread) filter (where u.muted), 0)::integer as muted,
    coalesce(sum(u.mentions), 0)::integer as mentions`);

/** The groups that a user is or was a member of. */
const GROUPS = sql`
    select m.user_id, m.conversation_id, ${GROUP_UNREAD} as unread, m.muted, ${GROUP_MENTIONS} as mentions,
      c.has_room and m.role is not null as has_room
    from members m
    cross join lateral (
      select c.counted, c.last_deletion_seq, c.last_all_seq, c.has_room from conversations c where c.id = m.conversation_id limit 1
    ) c`;

/**
 * Total of each user in the given order, with the newest conversations that have unread messages (ids are UUIDv7, so
 * the greatest id is the newest conversation).
 *
 * Reads all rows of each user. With `order by … limit`, Postgres would instead scan the primary key from the newest
 * conversation until it finds enough rows of the user, and the whole table for a user without unread messages.
 */
export function summariesQuery(userIds: readonly UserId[]) {
  return sql<Pick<UnreadSummary, 'count' | 'conversations'> & { has_more: boolean }>`
select s.count, s.conversations, i.user_id = ${usersWithMore(userIds)} as has_more
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

/** The same for users with groups or settings; also correct for others. */
export function summariesWithGroupsQuery(userIds: readonly UserId[]) {
  return sql<TotalsRow & Pick<UnreadSummary, 'conversations' | 'rooms'>>`
select s.count, s.muted, s.mentions, s.conversations, s.rooms
from unnest(${userIds}::text[]) with ordinality as i (user_id, ord)
cross join lateral (
  select${TOTALS},
    coalesce(to_jsonb((
      array_agg(
        jsonb_build_object('conversationId', u.conversation_id, 'count', u.unread)
        order by u.conversation_id desc
      ) filter (where u.unread > 0)
    )[1:${LIMITS.syncUnreadConversations}::integer]), '[]') as conversations,
    coalesce(jsonb_agg(u.conversation_id) filter (where u.has_room), '[]') as rooms
  from (
    select p.user_id, p.conversation_id, p.unread_count as unread, p.muted, 0 as mentions, false as has_room
    from participants p
    where p.user_id = i.user_id
    union all${GROUPS}
    where m.user_id = i.user_id
  ) u
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
  return sql<RecountRow & { has_more: boolean }>`
select
  p.user_id as "userId",
  sum(p.unread_count)::integer as count,
  coalesce(
    jsonb_agg(jsonb_build_object('conversationId', p.conversation_id, 'count', p.unread_count))
      filter (where p.conversation_id = any(${conversationIds}::uuid[])),
    '[]'
  ) as conversations,
  p.user_id = ${usersWithMore(userIds)} as has_more
from participants p
where p.user_id = any(${userIds}::text[])
group by p.user_id`;
}

/** The same for users with groups or settings; also correct for others. */
export function recountWithGroupsQuery(userIds: readonly UserId[], conversationIds: readonly ConversationId[]) {
  return sql<RecountRow & TotalsRow>`
select
  u.user_id as "userId",${TOTALS},
  coalesce(
    jsonb_agg(jsonb_build_object('conversationId', u.conversation_id, 'count', u.unread))
      filter (where u.conversation_id = any(${conversationIds}::uuid[])),
    '[]'
  ) as conversations
from (
  select p.user_id, p.conversation_id, p.unread_count as unread, p.muted, 0 as mentions, false as has_room
  from participants p
  where p.user_id = any(${userIds}::text[])
  union all${GROUPS}
  where m.user_id = any(${userIds}::text[])
) u
group by u.user_id`;
}
