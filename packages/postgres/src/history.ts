import { type ConversationId, LIMITS, type Message, type UserId } from '@chat-cluster/contracts';
import type { ConversationHead, FeedSlice, History } from '@chat-cluster/domain';
import { sql } from 'kysely';
import { listConversations } from './conversation-list.ts';
import { inOrder } from './conversation-store.ts';
import type { Database } from './database.ts';
import { type FeedRequest, readFeeds } from './feed.ts';
import { type MessageRow, toMessage } from './message-row.ts';

/**
 * Committed history for many requests at once; the gateway combines the requests of its users into such batches.
 */
export interface HistoryStore extends Pick<History, 'directConversation' | 'conversations'> {
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
      return requests.map(({ id }, i): ConversationHead | undefined => {
        const [first, ...others] = byRequest.get(i + 1) ?? [];
        return first && { id, lastSeq: first.last_seq, readMarks: [first, ...others].map(toReadMark) };
      });
    },
    async ranges(ranges) {
      const { rows } = await rangesQuery(ranges).execute(db);
      const byRange = Map.groupBy(rows, (row) => row.ord);
      return ranges.map((_, i) =>
        (byRange.get(i + 1) ?? []).map((row) => toMessage(row, row.receiver_id ?? row.sender_id, false)),
      );
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

interface HeadRow {
  ord: number;
  last_seq: number;
  user_id: UserId;
  last_read_seq: number;
  read_at: Date | null;
}

/** One row per participant of each conversation that the requesting user is in. */
export function headsQuery(requests: readonly HeadRequest[]) {
  return sql<HeadRow>`
select i.ord, c.last_seq, p.user_id, p.last_read_seq, p.read_at
from unnest(${requests.map(({ id }) => id)}::uuid[], ${requests.map(({ userId }) => userId)}::text[])
  with ordinality as i (conversation_id, user_id, ord)
cross join lateral (
  select from participants p where p.conversation_id = i.conversation_id and p.user_id = i.user_id limit 1
) requester
cross join lateral (select c.last_seq from conversations c where c.id = i.conversation_id limit 1) c
cross join lateral (
  select p.user_id, p.last_read_seq, p.read_at from participants p where p.conversation_id = i.conversation_id limit 2
) p
order by i.ord, p.user_id`;
}

function toReadMark(row: HeadRow): ConversationHead['readMarks'][number] {
  return { userId: row.user_id, upToSeq: row.last_read_seq, readAt: row.read_at?.toISOString() ?? null };
}

type RangeRow = MessageRow & { ord: number; receiver_id: UserId | null };

const COLUMNS = sql`
    m.conversation_id, m.seq, m.id, m.sender_id, m.client_message_id, m.content, m.attachments, m.created_at`;

/**
 * One row per message of each range, in order. `receiver_id`: the other participant, null in a conversation with
 * oneself. No caller requests more than LIMITS.maxSyncSize messages of a conversation.
 */
export function rangesQuery(ranges: readonly SeqRange[]) {
  return sql<RangeRow>`
select r.ord, o.user_id as receiver_id,${COLUMNS}
from unnest(
  ${ranges.map(({ id }) => id)}::uuid[], ${ranges.map(({ fromSeq }) => fromSeq)}::bigint[],
  ${ranges.map(({ toSeq }) => toSeq)}::bigint[]
) with ordinality as r (conversation_id, from_seq, to_seq, ord)
cross join lateral (
  select${COLUMNS}
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
