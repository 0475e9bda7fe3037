import type { ConversationId } from '@chat-cluster/contracts';
import type { Database } from '@chat-cluster/postgres';
import { type DatabaseState, fingerprint } from './history.ts';

/** The rows of these conversations in Postgres, with unread messages recounted from the messages. */
export async function readDatabase(db: Database, conversationIds: readonly string[]): Promise<DatabaseState> {
  const ids = conversationIds as ConversationId[];
  const conversations = await db
    .selectFrom('conversations')
    .where('id', 'in', ids)
    .select(['id', 'last_seq'])
    .execute();
  const messages = await db
    .selectFrom('messages')
    .where('conversation_id', 'in', ids)
    .select(['conversation_id', 'seq', 'id', 'sender_id', 'client_message_id', 'content'])
    .orderBy('conversation_id')
    .orderBy('seq')
    .execute();
  return {
    conversations: conversations.map(({ id, last_seq }) => ({ id, lastSeq: last_seq })),
    messages: messages.map((row) => ({
      conversationId: row.conversation_id,
      seq: row.seq,
      id: row.id,
      senderId: row.sender_id,
      clientMessageId: row.client_message_id,
      content: fingerprint(row.content),
    })),
    participants: await readParticipants(db, conversationIds),
  };
}

export async function readParticipants(
  db: Database,
  conversationIds: readonly string[],
): Promise<DatabaseState['participants']> {
  const rows = await db
    .selectFrom('participants as p')
    .where('p.conversation_id', 'in', conversationIds as ConversationId[])
    .select((query) => [
      'p.conversation_id as conversationId',
      'p.user_id as userId',
      'p.last_read_seq as lastReadSeq',
      'p.unread_count as unreadCount',
      query
        .selectFrom('messages as m')
        .whereRef('m.conversation_id', '=', 'p.conversation_id')
        .whereRef('m.seq', '>', 'p.last_read_seq')
        .whereRef('m.sender_id', '!=', 'p.user_id')
        .select((count) => count.fn.countAll<number>().as('n'))
        .as('recount'),
    ])
    .execute();
  return rows.map((row) => ({ ...row, recount: row.recount ?? 0 }));
}
