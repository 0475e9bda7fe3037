import {
  type ConversationId,
  type ConversationSummary,
  conversationId,
  LIMITS,
  type Message,
  Rejection,
  type UserId,
} from '@chat-cluster/contracts';
import type { ConversationHead, History } from '@chat-cluster/domain';
import { type Selectable, sql } from 'kysely';
import { inOrder } from './conversation-store.ts';
import type { Database } from './database.ts';
import type { Schema } from './schema.ts';

/** Committed history for many at once; the gateway makes the single questions of its users into such batches. */
export interface HistoryStore extends Pick<History, 'directConversation' | 'conversations'> {
  /** `result[i]` belongs to `questions[i]`: undefined when that user is in no such conversation. */
  heads(questions: readonly HeadQuestion[]): Promise<(ConversationHead | undefined)[]>;
  /** `result[i]` belongs to `runs[i]`: as {@link History.range}. */
  ranges(runs: readonly Run[]): Promise<Message[][]>;
}

export interface HeadQuestion {
  userId: UserId;
  id: ConversationId;
}

/** Messages with `fromSeq <= seq <= toSeq` of a conversation. */
export interface Run {
  id: ConversationId;
  fromSeq: number;
  toSeq: number;
}

/** Each method is one query, on indexes. */
export function createHistory(db: Database): HistoryStore {
  return {
    async directConversation(userId, otherUserId) {
      const rows = await directConversationQuery(db, userId, otherUserId).execute();
      const first = rows[0];
      if (!first) return undefined;
      const readUpTo = new Map(rows.map((row) => [row.user_id, row.last_read_seq]));
      return { id: first.id, lastSeq: first.last_seq, readUpTo };
    },
    async heads(questions) {
      const { rows } = await heads(questions).execute(db);
      const byQuestion = Map.groupBy(rows, (row) => row.ord);
      return questions.map(({ id }, i): ConversationHead | undefined => {
        const [first, ...others] = byQuestion.get(i + 1) ?? [];
        return first && { id, lastSeq: first.last_seq, readMarks: [first, ...others].map(toReadMark) };
      });
    },
    async ranges(runs) {
      const { rows } = await ranges(runs).execute(db);
      const byRun = Map.groupBy(rows, (row) => row.ord);
      return runs.map((_, i) =>
        (byRun.get(i + 1) ?? []).map((row) => toMessage(row, row.receiver_id ?? row.sender_id, false)),
      );
    },
    async conversations(userId, limit, cursor) {
      const rows = await conversationsQuery(db, userId, limit + 1, parseCursor(cursor)).execute();
      const page = rows.slice(0, limit).map((row) => toSummary(userId, row));
      const last = rows.length > limit ? page.at(-1) : undefined;
      return { conversations: page, nextCursor: last ? toCursor(last) : null };
    },
  };
}

export function directConversationQuery(db: Database, userId: UserId, otherUserId: UserId) {
  const [low, high] = inOrder(userId, otherUserId);
  return db
    .selectFrom('direct_conversations as d')
    .innerJoinLateral(
      (eb) =>
        eb
          .selectFrom('conversations as c')
          .selectAll('c')
          .whereRef('c.id', '=', 'd.conversation_id')
          .limit(ONE)
          .as('c'),
      (join) => join.onTrue(),
    )
    .innerJoinLateral(
      (eb) =>
        eb.selectFrom('participants as p').selectAll('p').whereRef('p.conversation_id', '=', 'c.id').limit(TWO).as('p'),
      (join) => join.onTrue(),
    )
    .select(['c.id', 'c.last_seq', 'p.user_id', 'p.last_read_seq'])
    .where('d.user_low', '=', low)
    .where('d.user_high', '=', high);
}

/** A limit in a lateral join makes it a lookup by index per row, in every plan (as told at `storeSends`). */
const ONE = sql<number>`1`;
const TWO = sql<number>`2`;

interface HeadRow {
  ord: number;
  last_seq: number;
  user_id: UserId;
  last_read_seq: number;
  read_at: Date | null;
}

/** One row per participant of each conversation that its asker is in. */
export function heads(questions: readonly HeadQuestion[]) {
  return sql<HeadRow>`
select i.ord, c.last_seq, p.user_id, p.last_read_seq, p.read_at
from unnest(${questions.map(({ id }) => id)}::uuid[], ${questions.map(({ userId }) => userId)}::text[])
  with ordinality as i (conversation_id, user_id, ord)
cross join lateral (
  select from participants p where p.conversation_id = i.conversation_id and p.user_id = i.user_id limit 1
) asker
cross join lateral (select c.last_seq from conversations c where c.id = i.conversation_id limit 1) c
cross join lateral (select p.* from participants p where p.conversation_id = i.conversation_id limit 2) p
order by i.ord, p.user_id`;
}

type RangeRow = MessageRow & { ord: number; receiver_id: UserId | null };

/** One row per message of each run, in order. The receiver is the other participant, none in a talk with oneself. */
export function ranges(runs: readonly Run[]) {
  return sql<RangeRow>`
select r.ord, m.*, o.user_id as receiver_id
from unnest(
  ${runs.map(({ id }) => id)}::uuid[], ${runs.map(({ fromSeq }) => fromSeq)}::bigint[],
  ${runs.map(({ toSeq }) => toSeq)}::bigint[]
) with ordinality as r (conversation_id, from_seq, to_seq, ord)
cross join lateral (
  select m.* from messages m
  where m.conversation_id = r.conversation_id and m.seq between r.from_seq and r.to_seq
  order by m.seq
  limit ${MAX_RUN}
) m
left join lateral (
  select o.user_id from participants o
  where o.conversation_id = m.conversation_id and o.user_id <> m.sender_id
  limit 1
) o on true
order by r.ord, m.seq`;
}

/** No caller asks for more of one conversation (LIMITS.maxSyncSize). */
const MAX_RUN = LIMITS.maxSyncSize;

function toReadMark(row: HeadRow): ConversationHead['readMarks'][number] {
  return { userId: row.user_id, upToSeq: row.last_read_seq, readAt: row.read_at?.toISOString() ?? null };
}

/** `after` is (updated_at, id) of the last row of the page before; the first page starts at infinity. */
export function conversationsQuery(db: Database, userId: UserId, limit: number, after: Cursor) {
  return db
    .selectFrom('participants as p')
    .innerJoinLateral(
      (eb) =>
        eb
          .selectFrom('conversations as c')
          .selectAll('c')
          .whereRef('c.id', '=', 'p.conversation_id')
          .limit(ONE)
          .as('c'),
      (join) => join.onTrue(),
    )
    .leftJoinLateral(
      (eb) =>
        eb
          .selectFrom('participants as o')
          .selectAll('o')
          .whereRef('o.conversation_id', '=', 'p.conversation_id')
          .whereRef('o.user_id', '<>', 'p.user_id')
          .limit(ONE)
          .as('o'),
      (join) => join.onTrue(),
    )
    .leftJoinLateral(
      (eb) =>
        eb
          .selectFrom('messages as m')
          .selectAll('m')
          .whereRef('m.conversation_id', '=', 'c.id')
          .whereRef('m.seq', '=', 'c.last_seq')
          .limit(ONE)
          .as('m'),
      (join) => join.onTrue(),
    )
    .select([
      'c.id',
      'c.last_seq',
      'c.updated_at',
      'p.unread_count',
      'p.last_read_seq as own_read_seq',
      'o.user_id as other_user_id',
      'o.last_read_seq as other_read_seq',
      'm.id as message_id',
      'm.sender_id',
      'm.client_message_id',
      'm.content',
      'm.attachments',
      'm.created_at',
    ])
    .where('p.user_id', '=', userId)
    .where(sql<boolean>`(c.updated_at, c.id) < (${after.updatedAt}::timestamptz, ${after.id}::uuid)`)
    .orderBy('c.updated_at', 'desc')
    .orderBy('c.id', 'desc')
    .limit(limit);
}

type MessageRow = Selectable<Schema['messages']>;

function toMessage(row: MessageRow, receiverId: UserId, isRead: boolean): Message {
  return {
    id: row.id,
    conversationId: row.conversation_id,
    seq: row.seq,
    senderId: row.sender_id,
    receiverId,
    clientMessageId: row.client_message_id,
    content: row.content,
    attachments: row.attachments ?? [],
    isRead,
    createdAt: row.created_at.toISOString(),
  };
}

type SummaryRow = Awaited<ReturnType<ReturnType<typeof conversationsQuery>['execute']>>[number];

function toSummary(userId: UserId, row: SummaryRow): ConversationSummary {
  return {
    id: row.id,
    otherUserId: row.other_user_id ?? userId,
    lastMessage: lastMessageOf(userId, row),
    unreadCount: row.unread_count,
    lastSeq: row.last_seq,
    updatedAt: row.updated_at.toISOString(),
  };
}

function lastMessageOf(userId: UserId, row: SummaryRow): Message | null {
  const { message_id: id, sender_id, client_message_id, created_at } = row;
  if (id === null || sender_id === null || client_message_id === null || created_at === null) return null;
  const other = row.other_user_id ?? userId;
  const [receiverId, readSeq] = sender_id === userId ? [other, row.other_read_seq] : [userId, row.own_read_seq];
  const { content, attachments } = row;
  const message = {
    id,
    conversation_id: row.id,
    seq: row.last_seq,
    sender_id,
    client_message_id,
    content,
    attachments,
    created_at,
  };
  return toMessage(message, receiverId, (readSeq ?? 0) >= row.last_seq);
}

interface Cursor {
  updatedAt: string;
  id: string;
}

const FIRST_PAGE: Cursor = { updatedAt: 'infinity', id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' };

function toCursor(last: ConversationSummary): string {
  return Buffer.from(`${Date.parse(last.updatedAt)}.${last.id}`).toString('base64url');
}

function parseCursor(cursor: string | undefined): Cursor {
  if (cursor === undefined) return FIRST_PAGE;
  const [, ms, id] = /^(\d{1,14})\.([0-9a-f-]{36})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (!ms || !conversationId.safeParse(id).success) {
    throw new Rejection('VALIDATION_FAILED', { message: 'cursor: pass the nextCursor of the page before' });
  }
  return { updatedAt: new Date(Number(ms)).toISOString(), id: String(id) };
}
