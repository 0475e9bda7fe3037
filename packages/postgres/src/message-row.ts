import type { Message, UserId } from '@chat-cluster/contracts';
import type { Selectable } from 'kysely';
import type { Schema } from './schema.ts';

export type MessageRow = Selectable<Schema['messages']>;

export function toMessage(row: MessageRow, receiverId: UserId, isRead: boolean): Message {
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
