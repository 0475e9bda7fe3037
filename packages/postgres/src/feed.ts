import { type FeedEntry, LIMITS, type UserId } from '@chat-cluster/contracts';
import type { FeedPosition, FeedSlice } from '@chat-cluster/domain';
import { sql } from 'kysely';
import { LAST_MESSAGE, lastMessageJoin, type SummaryRow, toSummary } from './conversation-list.ts';
import type { Database } from './database.ts';
import { GROUP_MENTIONS, GROUP_UNREAD } from './group-unread.ts';
import { DIRECT_SETTINGS, GROUP_COLUMNS, GROUP_SETTINGS, VISIBLE_LAST_SEQ } from './group-view.ts';

/** The arguments of `History.feed` of the domain. */
export interface FeedRequest {
  userId: UserId;
  after: FeedPosition | undefined;
  limit: number;
}

/**
 * Reads the feeds of some users with one query, and with a second one the groups of those who have any; `result[i]`
 * belongs to `requests[i]`. A change between the two queries is after `readAt`, so the next feed has it too.
 */
export async function readFeeds(db: Database, requests: readonly FeedRequest[]): Promise<FeedSlice[]> {
  const { rows } = await feedsQuery(requests).execute(db);
  const byRequest = Map.groupBy(rows, (row) => row.ord);
  const withGroups = requests.filter((_, i) => byRequest.get(i + 1)?.[0]?.has_groups);
  const groups = withGroups.length > 0 ? (await groupFeedsQuery(withGroups).execute(db)).rows : [];
  const groupsOf = Map.groupBy(groups, (row) => withGroups[row.ord - 1]);
  return requests.map((request, i) => {
    const slice = byRequest.get(i + 1) ?? [];
    const [first] = slice;
    if (!first) throw new Error('a feed has at least the row with its time');
    const direct = slice.filter(hasConversation);
    const found = groupsOf.get(request) ?? [];
    const all = found.length > 0 ? [...direct, ...found].sort(byPosition).slice(0, request.limit) : direct;
    return {
      readAt: first.read_at.getTime(),
      entries: all.map((row) => ({
        activityAt: row.activity_at.getTime(),
        conversation: { ...toSummary(request.userId, row), readMarks: readMarksOf(request.userId, row) },
      })),
    };
  });
}

type FeedRow = SummaryRow & {
  ord: number;
  activity_at: Date;
  own_read_at: Date | null;
  other_read_at?: Date | null;
  /** The marks of all members of a group of up to LIMITS.smallGroup members. */
  marks?: { userId: UserId; upToSeq: number; readAt: string | null }[] | null;
};

/** A request without conversations has one row, with its time. */
type AnyFeedRow = { ord: number; read_at: Date; has_groups: boolean } & (FeedRow | { id: null });

function hasConversation(row: AnyFeedRow): row is AnyFeedRow & FeedRow {
  return row.id !== null;
}

function byPosition(a: FeedRow, b: FeedRow): number {
  return a.activity_at.getTime() - b.activity_at.getTime() || (a.id < b.id ? -1 : 1);
}

function readMarksOf(userId: UserId, row: FeedRow): FeedEntry['readMarks'] {
  const toMark = (user: UserId, upToSeq: number, readAt: Date | null) => ({
    userId: user,
    upToSeq,
    readAt: readAt?.toISOString() ?? null,
  });
  if (row.marks) {
    return row.marks.map((mark) =>
      toMark(mark.userId, mark.upToSeq, mark.readAt === null ? null : new Date(mark.readAt)),
    );
  }
  const own = toMark(userId, row.own_read_seq, row.own_read_at);
  return 'windows' in row || row.other_user_id === null
    ? [own]
    : [own, toMark(row.other_user_id, row.other_read_seq ?? 0, row.other_read_at ?? null)];
}

/**
 * Walks all conversations of each user by `participants_user`, and sorts those after the position. No index has the time
 * of activity: it changes with every batch, and an index on it would make these updates slower (see migration 001). Only
 * rows of the result look up their last message. A limit of 0 reads no conversation. With warm caches a feed takes 6 to 8 ms
 * for a user with 1,000 conversations and 32 ms with 5,000, where the first page of `conversationsQuery` takes 10 and 57 ms
 * (2 cores; 60,000 conversations; `explain (analyze, buffers)` shows 8 buffers per conversation).
 *
 * The limit in each lateral join makes every plan use one index lookup per row; see `storeCheckingResendsQuery`.
 */
export function feedsQuery(requests: readonly FeedRequest[]) {
  const columns = columnsOf(requests);
  return sql<AnyFeedRow>`
select i.ord, now() as read_at, exists (
    select from user_groups g where g.user_id = i.user_id and i.size > 0
  ) as has_groups,
  f.activity_at, f.id, f.last_seq, f.last_rev, f.updated_at, f.unread_count, f.own_read_seq, f.own_read_at,
  f.other_user_id, f.other_read_seq, f.other_read_at, f.muted, f.archived, f.marked_unread,
  ${LAST_MESSAGE}
from unnest(
  ${columns[0]}::text[], ${columns[1]}::timestamptz[], ${columns[2]}::uuid[], ${columns[3]}::integer[]
) with ordinality as i (user_id, after_activity, after_id, size, ord)
left join lateral (
  select a.activity_at, c.id, c.last_seq, c.last_rev, c.updated_at, p.unread_count, p.last_read_seq as own_read_seq,
    p.read_at as own_read_at, o.user_id as other_user_id, o.last_read_seq as other_read_seq, o.read_at as other_read_at,
    ${DIRECT_SETTINGS}
  from participants p
  cross join lateral (
    select c.id, c.last_seq, c.last_rev, c.updated_at, c.changed_at from conversations c
    where c.id = p.conversation_id
    limit 1
  ) c
  left join lateral (
    select o.user_id, o.last_read_seq, o.read_at from participants o
    where o.conversation_id = p.conversation_id and o.user_id <> p.user_id
    limit 1
  ) o on true
  cross join lateral (select greatest(c.updated_at, c.changed_at, p.read_at, o.read_at) as activity_at) a
  where p.user_id = i.user_id and (a.activity_at, c.id) > (i.after_activity, i.after_id)
  order by a.activity_at, c.id
  limit i.size
) f on true${lastMessageJoin('f.id', 'f.last_seq')}
order by i.ord, f.activity_at, f.id`;
}

/** As `feedsQuery`, for groups. The last activity of a former member is the time at which the user has left. */
export function groupFeedsQuery(requests: readonly FeedRequest[]) {
  const columns = columnsOf(requests);
  return sql<FeedRow>`
select i.ord, f.activity_at, f.id, f.last_seq, f.last_rev, f.updated_at, f.unread_count, f.mentions, f.own_read_seq,
  f.own_read_at, f.title, f.role, f.member_count, f.windows, f.marks, f.muted, f.archived, f.marked_unread,
  ${LAST_MESSAGE}
from unnest(
  ${columns[0]}::text[], ${columns[1]}::timestamptz[], ${columns[2]}::uuid[], ${columns[3]}::integer[]
) with ordinality as i (user_id, after_activity, after_id, size, ord)
cross join lateral (
  select a.activity_at, c.id, ${VISIBLE_LAST_SEQ} as last_seq, c.last_rev, a.updated_at,
    ${GROUP_UNREAD} as unread_count, ${GROUP_MENTIONS} as mentions, m.last_read_seq as own_read_seq,
    m.read_at as own_read_at,${GROUP_COLUMNS}, o.marks, ${GROUP_SETTINGS}
  from members m
  cross join lateral (
    select c.id, c.title, c.member_count, c.last_seq, c.last_rev, c.updated_at, c.changed_at, c.counted,
      c.last_deletion_seq, c.last_all_seq
    from conversations c
    where c.id = m.conversation_id
    limit 1
  ) c
  left join lateral (
    select max(o.read_at) as read_at, jsonb_agg(
        jsonb_build_object('userId', o.user_id, 'upToSeq', o.last_read_seq, 'readAt', o.read_at) order by o.user_id
      ) as marks
    from (
      select o.user_id, o.last_read_seq, o.read_at from members o
      where o.conversation_id = m.conversation_id and o.role is not null and m.role is not null
        and c.member_count <= ${LIMITS.smallGroup}::integer
      limit ${LIMITS.smallGroup}::integer
    ) o
  ) o on true
  cross join lateral (
    select u.updated_at, greatest(
        u.updated_at, m.read_at, o.read_at, case when m.role is not null then c.changed_at end
      ) as activity_at
    from (
      select case when m.role is null then coalesce(m.left_at, c.updated_at) else c.updated_at end as updated_at
    ) u
  ) a
  where m.user_id = i.user_id and (a.activity_at, c.id) > (i.after_activity, i.after_id)
  order by a.activity_at, c.id
  limit i.size
) f${lastMessageJoin('f.id', 'f.last_seq')}
order by i.ord, f.activity_at, f.id`;
}

function columnsOf(requests: readonly FeedRequest[]) {
  return [
    requests.map(({ userId }) => userId),
    requests.map(({ after }) => new Date(after?.activityAt ?? 0).toISOString()),
    requests.map(({ after }) => after?.id ?? null),
    requests.map(({ after, limit }) => (after ? limit : 0)),
  ] as const;
}
