import type { Message, UserId } from '@chat-cluster/contracts';
import { type Selectable, sql } from 'kysely';
import type { Schema } from './schema.ts';

export type MessageRow = Selectable<Schema['messages']>;

/** The columns of {@link MessageRow}, of the table alias `m`. */
export const MESSAGE_COLUMNS = sql.raw(`
    m.conversation_id, m.seq, m.id, m.sender_id, m.client_message_id, m.content, m.attachments, m.created_at,
    m.counted_at, m.extra, m.reactions, m.rev, m.edited_at, m.deleted_at, m.deleted_by`);

/** `receiverId` is ignored in a group, whose messages have none. */
export function toMessage(row: MessageRow, receiverId: UserId, isRead: boolean): Message {
  return {
    id: row.id,
    conversationId: row.conversation_id,
    seq: row.seq,
    senderId: row.sender_id,
    ...(row.counted_at === null && { receiverId }),
    clientMessageId: row.client_message_id,
    content: row.content,
    attachments: row.attachments ?? [],
    isRead: row.counted_at === null && isRead,
    createdAt: row.created_at.toISOString(),
    ...row.extra,
    ...changesOf(row),
  };
}

type Changes = Pick<MessageRow, 'reactions' | 'rev' | 'edited_at' | 'deleted_at' | 'deleted_by'>;

/** What a message has only after a change. */
export function changesOf(row: Changes): Partial<Message> {
  if (row.rev === null) return {};
  return {
    ...(row.reactions && row.reactions.length > 0 && { reactions: row.reactions }),
    ...(row.edited_at && { editedAt: row.edited_at.toISOString() }),
    ...(row.deleted_at && { deletedAt: row.deleted_at.toISOString() }),
    ...(row.deleted_by !== null && { deletedBy: row.deleted_by }),
    rev: row.rev,
  };
}
