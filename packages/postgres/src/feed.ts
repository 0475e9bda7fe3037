import type { FeedEntry, UserId } from '@chat-cluster/contracts';
import type { FeedPosition, FeedSlice } from '@chat-cluster/domain';
import { sql } from 'kysely';
import { type SummaryRow, toSummary } from './conversation-list.ts';
import type { Database } from './database.ts';

/** The arguments of `History.feed` of the domain. */
export interface FeedRequest {
  userId: UserId;
  after: FeedPosition | undefined;
  limit: number;
}

/** Reads the feeds of some users with one query; `result[i]` belongs to `requests[i]`. */
export async function readFeeds(db: Database, requests: readonly FeedRequest[]): Promise<FeedSlice[]> {
  const { rows } = await feedsQuery(requests).execute(db);
  const byRequest = Map.groupBy(rows, (row) => row.ord);
  return requests.map(({ userId }, i) => {
    const slice = byRequest.get(i + 1) ?? [];
    const [first] = slice;
    if (!first) throw new Error('a feed has at least the row with its time');
    return {
      readAt: first.read_at.getTime(),
      entries: slice.filter(hasConversation).map((row) => ({
        activityAt: row.activity_at.getTime(),
        conversation: { ...toSummary(userId, row), readMarks: readMarksOf(userId, row) },
      })),
    };
  });
}

interface FeedRow extends SummaryRow {
  ord: number;
  read_at: Date;
  activity_at: Date;
  own_read_at: Date | null;
  other_read_at: Date | null;
}

/** A request without conversations has one row, with its time. */
type AnyFeedRow = FeedRow | (Pick<FeedRow, 'ord' | 'read_at'> & { id: null });

function hasConversation(row: AnyFeedRow): row is FeedRow {
  return row.id !== null;
}

function readMarksOf(userId: UserId, row: FeedRow): FeedEntry['readMarks'] {
  const toMark = (user: UserId, upToSeq: number, readAt: Date | null) => ({
    userId: user,
    upToSeq,
    readAt: readAt?.toISOString() ?? null,
  });
  const own = toMark(userId, row.own_read_seq, row.own_read_at);
  return row.other_user_id === null
    ? [own]
    : [own, toMark(row.other_user_id, row.other_read_seq ?? 0, row.other_read_at)];
}

/**
 * Walks all conversations of each user by `participants_user`, and sorts those after the position. No index has the time
 * of activity: it changes with every batch, and an index on it would make these updates slower (see migration 001). Only
 * rows of the result look up their last message. A limit of 0 reads no table. With warm caches a feed takes 6 to 8 ms for
 * a user with 1,000 conversations and 32 ms with 5,000, where the first page of `conversationsQuery` takes 10 and 57 ms
 * (2 cores; 60,000 conversations; `explain (analyze, buffers)` shows 8 buffers per conversation).
 *
 * The limit in each lateral join makes every plan use one index lookup per row; see `storeCheckingResendsQuery`.
 */
export function feedsQuery(requests: readonly FeedRequest[]) {
  const columns = [
    requests.map(({ userId }) => userId),
    requests.map(({ after }) => new Date(after?.activityAt ?? 0).toISOString()),
    requests.map(({ after }) => after?.id ?? null),
    requests.map(({ after, limit }) => (after ? limit : 0)),
  ] as const;
  return sql<AnyFeedRow>`
select i.ord, now() as read_at, f.activity_at,
  f.id, f.last_seq, f.updated_at, f.unread_count, f.own_read_seq, f.own_read_at,
  f.other_user_id, f.other_read_seq, f.other_read_at,
  m.id as message_id, m.sender_id, m.client_message_id, m.content, m.attachments, m.created_at
from unnest(
  ${columns[0]}::text[], ${columns[1]}::timestamptz[], ${columns[2]}::uuid[], ${columns[3]}::integer[]
) with ordinality as i (user_id, after_activity, after_id, size, ord)
left join lateral (
  select a.activity_at, c.id, c.last_seq, c.updated_at, p.unread_count, p.last_read_seq as own_read_seq,
    p.read_at as own_read_at, o.user_id as other_user_id, o.last_read_seq as other_read_seq, o.read_at as other_read_at
  from participants p
  cross join lateral (
    select c.id, c.last_seq, c.updated_at from conversations c where c.id = p.conversation_id limit 1
  ) c
  left join lateral (
    select o.user_id, o.last_read_seq, o.read_at from participants o
    where o.conversation_id = p.conversation_id and o.user_id <> p.user_id
    limit 1
  ) o on true
  cross join lateral (select greatest(c.updated_at, p.read_at, o.read_at) as activity_at) a
  where p.user_id = i.user_id and (a.activity_at, c.id) > (i.after_activity, i.after_id)
  order by a.activity_at, c.id
  limit i.size
) f on true
left join lateral (
  select m.id, m.sender_id, m.client_message_id, m.content, m.attachments, m.created_at from messages m
  where m.conversation_id = f.id and m.seq = f.last_seq
  limit 1
) m on true
order by i.ord, f.activity_at, f.id`;
}
