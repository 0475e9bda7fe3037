import {
  type ConversationId,
  type ConversationSummary,
  conversationId,
  type Message,
  Rejection,
  type UserId,
} from '@chat-cluster/contracts';
import type { History } from '@chat-cluster/domain';
import { type Selectable, sql } from 'kysely';
import { inOrder } from './conversation-store.ts';
import type { Database } from './database.ts';
import type { Schema } from './schema.ts';

/** Committed history. Each method is one query on an index. */
export function createHistory(db: Database): History {
  return {
    async directConversation(userId, otherUserId) {
      const rows = await directConversationQuery(db, userId, otherUserId).execute();
      const first = rows[0];
      if (!first) return undefined;
      const readUpTo = new Map(rows.map((row) => [row.user_id, row.last_read_seq]));
      return { id: first.id, lastSeq: first.last_seq, readUpTo };
    },
    async range(id, fromSeq, toSeq) {
      const rows = await rangeQuery(db, id, fromSeq, toSeq).execute();
      return rows.map(({ receiver_id, ...row }) => toMessage(row, receiver_id ?? row.sender_id, false));
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

export function rangeQuery(db: Database, id: ConversationId, fromSeq: number, toSeq: number) {
  return db
    .selectFrom('messages as m')
    .leftJoin('participants as o', (join) =>
      join.onRef('o.conversation_id', '=', 'm.conversation_id').onRef('o.user_id', '<>', 'm.sender_id'),
    )
    .selectAll('m')
    .select('o.user_id as receiver_id')
    .where('m.conversation_id', '=', id)
    .where('m.seq', '>=', fromSeq)
    .where('m.seq', '<=', toSeq)
    .orderBy('m.seq');
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
