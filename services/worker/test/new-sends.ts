import { randomUUID } from 'node:crypto';
import type { ClientMessageId, SendEntry, UserId } from '@chat-cluster/contracts';
import { newConversationId, newMessageId } from '@chat-cluster/domain';
import { createConversationStore, type Database } from '@chat-cluster/postgres';

/** Sends of one user in a new conversation. */
export async function newSends(db: Database, ...contents: string[]): Promise<SendEntry[]> {
  const [senderId, receiverId] = [`a-${randomUUID()}` as UserId, `b-${randomUUID()}` as UserId];
  const { conversation } = await createConversationStore(db).open(newConversationId(), senderId, receiverId);
  return contents.map((content) => {
    const id = newMessageId();
    const clientMessageId = id as string as ClientMessageId;
    return {
      kind: 'send',
      id,
      conversationId: conversation.id,
      senderId,
      receiverId,
      clientMessageId,
      content,
      attachments: [],
    };
  });
}
