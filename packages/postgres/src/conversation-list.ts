import {
  type ConversationId,
  type ConversationSummary,
  type ConversationsPage,
  conversationId,
  type Message,
  Rejection,
  type UserId,
} from '@chat-cluster/contracts';
import { sql } from 'kysely';
import type { Database } from './database.ts';
import { type MessageRow, toMessage } from './message-row.ts';

/** Returns a page of the conversations of a user, as `History.conversations` of the domain requires. */
export async function listConversations(
  db: Database,
  userId: UserId,
  limit: number,
  cursor: string | undefined,
): Promise<Omit<ConversationsPage, 'epoch'>> {
  const { rows } = await conversationsQuery(userId, limit + 1, parseCursor(cursor)).execute(db);
  const page = rows.slice(0, limit).map((row) => toSummary(userId, row));
  const last = rows.length > limit ? page.at(-1) : undefined;
  return { conversations: page, nextCursor: last ? toCursor(last) : null };
}

/** The columns of the message are null without a message; those of the other participant, in notes to oneself. */
export interface SummaryRow
  extends Nullable<Pick<MessageRow, 'sender_id' | 'client_message_id' | 'content' | 'attachments' | 'created_at'>> {
  id: ConversationId;
  last_seq: number;
  updated_at: Date;
  unread_count: number;
  own_read_seq: number;
  other_user_id: UserId | null;
  other_read_seq: number | null;
  message_id: MessageRow['id'] | null;
}

type Nullable<T> = { [Key in keyof T]: T[Key] | null };

/**
 * `after` is (updated_at, id) of the last row of the previous page; the first page starts at infinity. The limit in
 * each lateral join makes every plan use one index lookup per row; see `storeCheckingResendsQuery`.
 */
export function conversationsQuery(userId: UserId, limit: number, after: Cursor) {
  return sql<SummaryRow>`
select c.id, c.last_seq, c.updated_at, p.unread_count, p.last_read_seq as own_read_seq,
  o.user_id as other_user_id, o.last_read_seq as other_read_seq,
  m.id as message_id, m.sender_id, m.client_message_id, m.content, m.attachments, m.created_at
from participants p
cross join lateral (
  select c.id, c.last_seq, c.updated_at from conversations c where c.id = p.conversation_id limit 1
) c
left join lateral (
  select o.user_id, o.last_read_seq from participants o
  where o.conversation_id = p.conversation_id and o.user_id <> p.user_id
  limit 1
) o on true
left join lateral (
  select m.id, m.sender_id, m.client_message_id, m.content, m.attachments, m.created_at from messages m
  where m.conversation_id = c.id and m.seq = c.last_seq
  limit 1
) m on true
where p.user_id = ${userId} and (c.updated_at, c.id) < (${after.updatedAt}::timestamptz, ${after.id}::uuid)
order by c.updated_at desc, c.id desc
limit ${limit}`;
}

export function toSummary(userId: UserId, row: SummaryRow): ConversationSummary {
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
  const message = { ...row, id, conversation_id: row.id, seq: row.last_seq, sender_id, client_message_id, created_at };
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
    throw new Rejection('VALIDATION_FAILED', { message: 'cursor: pass the nextCursor of the previous page' });
  }
  return { updatedAt: new Date(Number(ms)).toISOString(), id: String(id) };
}
