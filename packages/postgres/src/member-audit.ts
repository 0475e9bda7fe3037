import type { ConversationId, UserId } from '@chat-cluster/contracts';
import type { MemberAudit, MemberCounts, MemberCountsKey } from '@chat-cluster/domain';
import { type RawBuilder, sql } from 'kysely';
import type { Database } from './database.ts';

/** Messages after the read mark of a member up to which they are counted: more take too long for one statement. */
const MAX_MESSAGES = 100_000;

/** What a member stores. */
const STORED = sql.raw(
  'm.conversation_id, m.user_id, m.last_read_seq, m.read_counted, m.own_after, m.mention_count, m.xmin',
);

/** The audit of what members of groups store for the arithmetic of group-unread.ts. No statement holds a lock. */
export function createMemberAudit(db: Database): MemberAudit {
  return {
    after: async (after, limit) => (await memberCountsQuery(after ?? FIRST, limit).execute(db)).rows.map(toCounts),
    ofUser: async (userId, after, limit) =>
      (await memberCountsOfUserQuery(userId, after ?? FIRST.conversationId, limit).execute(db)).rows.map(toCounts),
    of: async (keys) => (await memberCountsOfQuery(keys).execute(db)).rows.map(toCounts),
    heal: async (drifts) => (await healMembersQuery(drifts).execute(db)).rows,
  };
}

const FIRST: MemberCountsKey = {
  conversationId: '00000000-0000-0000-0000-000000000000' as ConversationId,
  userId: '' as UserId,
};

type Row = MemberCountsKey & {
  version: string;
  read_counted: number;
  own_after: number;
  mention_count: number;
  true_counted: number;
  true_own: number;
  true_mentions: number;
};

function toCounts({ conversationId, userId, version, ...row }: Row): MemberCounts {
  const stored = { readCounted: row.read_counted, ownAfter: row.own_after, mentions: row.mention_count };
  const truth = { readCounted: row.true_counted, ownAfter: row.true_own, mentions: row.true_mentions };
  return { conversationId, userId, version, stored, truth };
}

export function memberCountsQuery({ conversationId, userId }: MemberCountsKey, limit: number) {
  return compared(sql`
  select ${STORED}
  from members m
  where (m.conversation_id, m.user_id) > (${conversationId}::uuid, ${userId}::text) and m.role is not null
  order by m.conversation_id, m.user_id
  limit ${limit}`);
}

export function memberCountsOfUserQuery(userId: UserId, after: ConversationId, limit: number) {
  return compared(sql`
  select ${STORED}
  from members m
  where m.user_id = ${userId} and m.conversation_id > ${after}::uuid and m.role is not null
  order by m.conversation_id
  limit ${limit}`);
}

export function memberCountsOfQuery(keys: readonly MemberCountsKey[]) {
  const [conversations, users] = [keys.map((key) => key.conversationId), keys.map((key) => key.userId)];
  return compared(sql`
  select ${STORED}
  from unnest(${conversations}::uuid[], ${users}::text[]) k (conversation_id, user_id)
  cross join lateral (
    select ${STORED}
    from members m
    where m.conversation_id = k.conversation_id and m.user_id = k.user_id and m.role is not null
    limit 1
  ) m`);
}

/**
 * Each member with the truth, in one snapshot: the counter of the entry at its read mark, and its own messages and those
 * that mention it after the mark. Messages that mention all are counted apart, see `GROUP_MENTIONS`. Of a member with
 * more than MAX_MESSAGES messages after its mark, only the first is compared.
 */
function compared(members: RawBuilder<unknown>) {
  return sql<Row>`
select m.conversation_id as "conversationId", m.user_id as "userId", m.xmin::text as version,
  m.read_counted, m.own_after, m.mention_count,
  coalesce((
    select r.counted_at from messages r
    where r.conversation_id = m.conversation_id and r.seq = m.last_read_seq
    limit 1
  ), 0) as true_counted,
  case when c.is_short then t.true_own else m.own_after end as true_own,
  case when c.is_short then t.true_mentions else m.mention_count end as true_mentions
from (${members}
) m
cross join lateral (
  select c.last_seq - m.last_read_seq <= ${MAX_MESSAGES}::integer as is_short from conversations c
  where c.id = m.conversation_id
  limit 1
) c
cross join lateral (
  select
    (count(o.seq) filter (where o.sender_id = m.user_id and o.extra -> 'system' is null))::integer as true_own,
    (count(o.seq) filter (
      where o.sender_id <> m.user_id and jsonb_exists(o.extra -> 'mentions', m.user_id)
        and o.extra -> 'mentionsAll' is null
    ))::integer as true_mentions
  from messages o
  where o.conversation_id = m.conversation_id and o.seq > m.last_read_seq and c.is_short
) t
order by m.conversation_id, m.user_id`;
}

/**
 * Compare and set: a member whose row was written meanwhile is left. Every write that changes the truth also writes the
 * row: a read mark, a message of the member, a message or a change that adds or removes a mention of the member.
 */
export function healMembersQuery(drifts: readonly MemberCounts[]) {
  const ids = drifts.map((drift) => drift.conversationId);
  return sql<MemberCountsKey>`
update members m
set read_counted = d.true_counted, own_after = d.true_own, mention_count = d.true_mentions
from unnest(
  ${ids}::uuid[], ${drifts.map((drift) => drift.userId)}::text[], ${drifts.map((drift) => drift.version)}::text[],
  ${drifts.map(({ truth }) => truth.readCounted)}::bigint[], ${drifts.map(({ truth }) => truth.ownAfter)}::integer[],
  ${drifts.map(({ truth }) => truth.mentions)}::integer[]
) d (conversation_id, user_id, version, true_counted, true_own, true_mentions)
where m.conversation_id = d.conversation_id and m.user_id = d.user_id and m.conversation_id = any(${ids}::uuid[])
  and m.xmin::text = d.version
returning m.conversation_id as "conversationId", m.user_id as "userId"`;
}
