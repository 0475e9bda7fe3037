import { type ClientMessageId, type ConversationId, LIMITS, type Message, type UserId } from '@chat-cluster/contracts';
import type { ConversationHead, FeedSlice, History } from '@chat-cluster/domain';
import { sql } from 'kysely';
import { listConversations } from './conversation-list.ts';
import { inOrder } from './conversation-store.ts';
import type { Database } from './database.ts';
import { type FeedRequest, readFeeds } from './feed.ts';
import {
  DIRECT_SETTINGS,
  GROUP_COLUMNS,
  GROUP_SETTINGS,
  type GroupRow,
  type SettingsRow,
  settingsUnlessDefault,
  toGroupOfMember,
  VISIBLE_LAST_SEQ,
} from './group-view.ts';
import { MESSAGE_COLUMNS, type MessageRow, toMessage } from './message-row.ts';

/**
 * Committed history for many requests at once; the gateway combines the requests of its users into such batches.
 */
export interface HistoryStore extends Pick<History, 'directConversation' | 'conversations' | 'sent'> {
  /** `result[i]` belongs to `requests[i]`; undefined when that user is not in such a conversation. */
  heads(requests: readonly HeadRequest[]): Promise<(ConversationHead | undefined)[]>;
  /** `result[i]` belongs to `ranges[i]`, as {@link History.range}. */
  ranges(ranges: readonly SeqRange[]): Promise<Message[][]>;
  /** `result[i]` belongs to `requests[i]`, as {@link History.feed}. */
  feeds(requests: readonly FeedRequest[]): Promise<FeedSlice[]>;
}

export interface HeadRequest {
  userId: UserId;
  id: ConversationId;
}

/** Messages with `fromSeq <= seq <= toSeq` of a conversation. */
export interface SeqRange {
  id: ConversationId;
  fromSeq: number;
  toSeq: number;
}

/** History from Postgres. Each method is one query that uses indexes only. */
export function createHistory(db: Database): HistoryStore {
  return {
    async directConversation(userId, otherUserId) {
      const { rows } = await directConversationQuery(userId, otherUserId).execute(db);
      const first = rows[0];
      if (!first) return undefined;
      const readUpTo = new Map(rows.map((row) => [row.user_id, row.last_read_seq]));
      return { id: first.id, lastSeq: first.last_seq, readUpTo };
    },
    async heads(requests) {
      const { rows } = await headsQuery(requests).execute(db);
      const byRequest = Map.groupBy(rows, (row) => row.ord);
      const direct = requests.map(({ id }, i) => toHead(id, byRequest.get(i + 1) ?? []));
      const others = requests.flatMap((request, i) => (direct[i] ? [] : [{ request, i }]));
      if (others.length === 0) return direct;
      const groups = await groupHeadsQuery(others.map(({ request }) => request)).execute(db);
      for (const row of groups.rows) {
        const { request, i } = others[row.ord - 1] as (typeof others)[number];
        direct[i] = toGroupHead(request, row);
      }
      return direct;
    },
    async ranges(ranges) {
      const { rows } = await rangesQuery(ranges).execute(db);
      const byRange = Map.groupBy(rows, (row) => row.ord);
      return ranges.map((_, i) =>
        (byRange.get(i + 1) ?? []).map((row) => toMessage(row, row.receiver_id ?? row.sender_id, false)),
      );
    },
    async sent(userId, id, clientMessageId) {
      const { rows } = await sentQuery(userId, id, clientMessageId).execute(db);
      return rows[0] && toMessage(rows[0], rows[0].receiver_id ?? userId, false);
    },
    conversations: (userId, limit, cursor) => listConversations(db, userId, limit, cursor),
    feeds: (requests) => readFeeds(db, requests),
  };
}

type DirectRow = Pick<HeadRow, 'last_seq' | 'user_id' | 'last_read_seq'> & { id: ConversationId };

/**
 * One row per participant. The limit in each lateral join makes every plan use one index lookup per row; see
 * `storeCheckingResendsQuery`.
 */
export function directConversationQuery(userId: UserId, otherUserId: UserId) {
  const [low, high] = inOrder(userId, otherUserId);
  return sql<DirectRow>`
select c.id, c.last_seq, p.user_id, p.last_read_seq
from direct_conversations d
cross join lateral (select c.id, c.last_seq from conversations c where c.id = d.conversation_id limit 1) c
cross join lateral (
  select p.user_id, p.last_read_seq from participants p where p.conversation_id = c.id limit 2
) p
where d.user_low = ${low} and d.user_high = ${high}`;
}

interface HeadRow extends SettingsRow {
  ord: number;
  last_seq: number;
  last_rev: number | null;
  user_id: UserId;
  last_read_seq: number;
  delivered_seq: number | null;
  read_at: Date | null;
}

/** One row per participant of each direct conversation that the requesting user is in. */
export function headsQuery(requests: readonly HeadRequest[]) {
  return sql<HeadRow>`
select i.ord, c.last_seq, c.last_rev, o.user_id, o.last_read_seq, o.delivered_seq, o.read_at, ${DIRECT_SETTINGS}
from unnest(${requests.map(({ id }) => id)}::uuid[], ${requests.map(({ userId }) => userId)}::text[])
  with ordinality as i (conversation_id, user_id, ord)
cross join lateral (
  select p.muted, p.archived_seq, p.marked_unread from participants p
  where p.conversation_id = i.conversation_id and p.user_id = i.user_id
  limit 1
) p
cross join lateral (
  select c.last_seq, c.last_rev from conversations c where c.id = i.conversation_id limit 1
) c
cross join lateral (
  select o.user_id, o.last_read_seq, o.delivered_seq, o.read_at from participants o
  where o.conversation_id = i.conversation_id
  limit 2
) o
order by i.ord, o.user_id`;
}

function toHead(id: ConversationId, rows: readonly HeadRow[]): ConversationHead | undefined {
  const [first] = rows;
  if (!first) return undefined;
  const settings = settingsUnlessDefault(first);
  const deliveredMarks = rows.flatMap((row) => toDeliveredMark(row.user_id, row.delivered_seq, row.last_read_seq));
  return {
    id,
    lastSeq: first.last_seq,
    lastRev: first.last_rev ?? 0,
    readMarks: rows.map((row) => toReadMark(row.user_id, row.last_read_seq, row.read_at)),
    ...(deliveredMarks.length > 0 && { deliveredMarks }),
    ...(settings && { settings }),
  };
}

function toReadMark(userId: UserId, upToSeq: number, readAt: Date | null): ConversationHead['readMarks'][number] {
  return { userId, upToSeq, readAt: readAt?.toISOString() ?? null };
}

/** A read mark implies delivery, so only a mark ahead of it is shown. */
function toDeliveredMark(
  userId: UserId,
  delivered: number | null,
  read: number,
): { userId: UserId; upToSeq: number }[] {
  return delivered !== null && delivered > read ? [{ userId, upToSeq: delivered }] : [];
}

interface GroupHeadRow extends GroupRow, SettingsRow {
  ord: number;
  last_seq: number;
  last_rev: number | null;
  last_read_seq: number;
  read_at: Date | null;
  /** Null in a group of more than LIMITS.smallGroup members, and for former members. */
  marks: { userId: UserId; upToSeq: number; readAt: string | null; delivered: number | null }[] | null;
}

/** One row per group that the requesting user is or was a member of. */
export function groupHeadsQuery(requests: readonly HeadRequest[]) {
  return sql<GroupHeadRow>`
select i.ord,${GROUP_COLUMNS},
  ${VISIBLE_LAST_SEQ} as last_seq, c.last_rev, m.last_read_seq, m.read_at, ${GROUP_SETTINGS},
  case when m.role is not null and c.member_count <= ${LIMITS.smallGroup}::integer then (
    select jsonb_agg(
      jsonb_build_object(
        'userId', o.user_id, 'upToSeq', o.last_read_seq, 'readAt', o.read_at, 'delivered', o.delivered_seq
      )
      order by o.user_id
    )
    from (
      select o.user_id, o.last_read_seq, o.read_at, o.delivered_seq from members o
      where o.conversation_id = m.conversation_id and o.role is not null
      limit ${LIMITS.smallGroup}::integer
    ) o
  ) end as marks
from unnest(${requests.map(({ id }) => id)}::uuid[], ${requests.map(({ userId }) => userId)}::text[])
  with ordinality as i (conversation_id, user_id, ord)
cross join lateral (
  select m.conversation_id, m.user_id, m.role, m.left_title, m.left_count, m.last_read_seq, m.read_at, m.muted,
    m.archived_counted, m.marked_unread
  from members m
  where m.conversation_id = i.conversation_id and m.user_id = i.user_id
  limit 1
) m
cross join lateral (
  select c.title, c.member_count, c.last_seq, c.last_rev, c.counted from conversations c
  where c.id = m.conversation_id
  limit 1
) c`;
}

function toGroupHead({ userId, id }: HeadRequest, row: GroupHeadRow): ConversationHead {
  const marks = row.marks ?? [];
  const settings = settingsUnlessDefault(row);
  const deliveredMarks = marks.flatMap((mark) => toDeliveredMark(mark.userId, mark.delivered, mark.upToSeq));
  return {
    id,
    lastSeq: row.last_seq,
    lastRev: row.last_rev ?? 0,
    readMarks:
      marks.length > 0
        ? marks.map((mark) =>
            toReadMark(mark.userId, mark.upToSeq, mark.readAt === null ? null : new Date(mark.readAt)),
          )
        : [toReadMark(userId, row.last_read_seq, row.read_at)],
    ...(deliveredMarks.length > 0 && { deliveredMarks }),
    group: toGroupOfMember(row),
    ...(settings && { settings }),
  };
}

type RangeRow = MessageRow & { ord: number; receiver_id: UserId | null };

/**
 * One row per message of each range, in order. `receiver_id`: the other participant, null in a conversation with
 * oneself and in a group. No caller requests more than LIMITS.maxSyncSize messages of a conversation.
 */
export function rangesQuery(ranges: readonly SeqRange[]) {
  return sql<RangeRow>`
select r.ord, o.user_id as receiver_id,${MESSAGE_COLUMNS}
from unnest(
  ${ranges.map(({ id }) => id)}::uuid[], ${ranges.map(({ fromSeq }) => fromSeq)}::bigint[],
  ${ranges.map(({ toSeq }) => toSeq)}::bigint[]
) with ordinality as r (conversation_id, from_seq, to_seq, ord)
cross join lateral (
  select${MESSAGE_COLUMNS}
  from messages m
  where m.conversation_id = r.conversation_id and m.seq between r.from_seq and r.to_seq
  order by m.seq
  limit ${LIMITS.maxSyncSize}
) m
left join lateral (
  select o.user_id from participants o
  where o.conversation_id = m.conversation_id and o.user_id <> m.sender_id
  limit 1
) o on true
order by r.ord, m.seq`;
}

export function sentQuery(userId: UserId, id: ConversationId, clientMessageId: ClientMessageId) {
  return sql<MessageRow & { receiver_id: UserId | null }>`
select o.user_id as receiver_id,${MESSAGE_COLUMNS}
from messages m
left join lateral (
  select o.user_id from participants o
  where o.conversation_id = m.conversation_id and o.user_id <> m.sender_id
  limit 1
) o on true
where m.conversation_id = ${id}::uuid and m.sender_id = ${userId} and m.client_message_id = ${clientMessageId}
limit 1`;
}
