import type { ConversationId, UserId } from '@chat-cluster/contracts';
import type { Counter, CounterKey, UnreadAudit } from '@chat-cluster/domain';
import { sql } from 'kysely';
import type { Database } from './database.ts';
import { isTooSlow } from './faults.ts';

type Range = CounterKey & { fromSeq: number; toSeq: number };

/** Number of messages up to which a slow range is not halved: Postgres causes its delay, not its size. */
const SHORTEST_RANGE = 500;

/** The audit on Postgres. No statement holds a lock while it counts. */
export function createUnreadAudit(db: Database): UnreadAudit {
  const count = async (ranges: readonly Range[]): Promise<number[]> => {
    if (ranges.length === 0) return [];
    try {
      const { rows } = await countRangesQuery(ranges).execute(db);
      return rows.map((row) => row.count);
    } catch (error) {
      if (!isTooSlow(error)) throw error;
      const [range] = ranges;
      if (range && ranges.length === 1) return [await countHalves(range, error)];
      const middle = ranges.length >> 1;
      return [...(await count(ranges.slice(0, middle))), ...(await count(ranges.slice(middle)))];
    }
  };
  const countHalves = async (range: Range, error: unknown): Promise<number> => {
    const size = range.toSeq - range.fromSeq;
    if (size <= SHORTEST_RANGE) throw error;
    const middle = range.fromSeq + (size >> 1);
    const [first = 0] = await count([{ ...range, toSeq: middle }]);
    const [second = 0] = await count([{ ...range, fromSeq: middle }]);
    return first + second;
  };
  return {
    count,
    after: async (after, limit) => (await countersAfterQuery(after ?? FIRST, limit).execute(db)).rows,
    ofUser: async (userId, after, limit) =>
      (await countersOfUserQuery(userId, after ?? FIRST.conversationId, limit).execute(db)).rows,
    of: async (keys) => (await countersOfQuery(keys).execute(db)).rows,
    heal: async (drifts) => (await healCountersQuery(drifts).execute(db)).rows,
  };
}

const FIRST: CounterKey = {
  conversationId: '00000000-0000-0000-0000-000000000000' as ConversationId,
  userId: '' as UserId,
};

const COLUMNS = sql`
  p.conversation_id as "conversationId",
  p.user_id as "userId",
  p.unread_count as "unreadCount",
  p.last_read_seq as "lastReadSeq",
  c.last_seq as "lastSeq",
  coalesce(c.last_rev, 0) as "lastRev",
  p.xmin::text as version`;

/** One row per participant, by an index in every plan; see `storeCheckingResendsQuery`. */
const END_OF_CONVERSATION = sql`
cross join lateral (select last_seq, last_rev from conversations where id = p.conversation_id limit 1) c`;

export function countersAfterQuery({ conversationId, userId }: CounterKey, limit: number) {
  return sql<Counter>`
select${COLUMNS}
from participants p${END_OF_CONVERSATION}
where (p.conversation_id, p.user_id) > (${conversationId}::uuid, ${userId}::text)
order by p.conversation_id, p.user_id
limit ${limit}`;
}

export function countersOfUserQuery(userId: UserId, after: ConversationId, limit: number) {
  return sql<Counter>`
select${COLUMNS}
from participants p${END_OF_CONVERSATION}
where p.user_id = ${userId} and p.conversation_id > ${after}::uuid
order by p.conversation_id
limit ${limit}`;
}

export function countersOfQuery(keys: readonly CounterKey[]) {
  const [conversations, users] = [keys.map((key) => key.conversationId), keys.map((key) => key.userId)];
  return sql<Counter>`
select${COLUMNS}
from unnest(${conversations}::uuid[], ${users}::text[]) k (conversation_id, user_id)
cross join lateral (
  select p.conversation_id, p.user_id, p.unread_count, p.last_read_seq, p.xmin from participants p
  where p.conversation_id = k.conversation_id and p.user_id = k.user_id
  limit 1
) p${END_OF_CONVERSATION}`;
}

export function countRangesQuery(ranges: readonly Range[]) {
  const columns = [
    ranges.map((range) => range.conversationId),
    ranges.map((range) => range.userId),
    ranges.map((range) => range.fromSeq),
    ranges.map((range) => range.toSeq),
  ] as const;
  return sql<{ count: number }>`
select (
  select count(*)::integer from messages m
  where m.conversation_id = r.conversation_id and m.seq > r.from_seq and m.seq <= r.to_seq and m.sender_id <> r.user_id
    and m.deleted_at is null
) as count
from unnest(${columns[0]}::uuid[], ${columns[1]}::text[], ${columns[2]}::bigint[], ${columns[3]}::bigint[])
  with ordinality as r (conversation_id, user_id, from_seq, to_seq, ord)
order by r.ord`;
}

/**
 * Compare and set, without a lock beforehand: the update waits for a transaction that is writing the row, and then
 * checks the new row. Every write that changes the number of unread messages also writes the row of the counter: a
 * message to the user, a read mark, the deletion of an unread message (even if the counter is 0 and stays so). So if
 * the row is the version that was read, the count is still correct. A lock on the conversation while a million messages
 * are counted would block its lane.
 */
export function healCountersQuery(drifts: readonly (Counter & { truth: number })[]) {
  const columns = [
    drifts.map((drift) => drift.conversationId),
    drifts.map((drift) => drift.userId),
    drifts.map((drift) => drift.version),
    drifts.map((drift) => drift.truth),
  ] as const;
  return sql<CounterKey>`
update participants p
set unread_count = d.truth
from unnest(${columns[0]}::uuid[], ${columns[1]}::text[], ${columns[2]}::text[], ${columns[3]}::integer[])
  d (conversation_id, user_id, version, truth)
where p.conversation_id = d.conversation_id and p.user_id = d.user_id
  and p.conversation_id = any(${columns[0]}::uuid[]) and p.xmin::text = d.version
returning p.conversation_id as "conversationId", p.user_id as "userId"`;
}
