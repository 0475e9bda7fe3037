import { type ConversationId, Rejection, type UserId } from '@chat-cluster/contracts';
import type { KnownConversations } from './ports.ts';

/**
 * Returns the user to notify that `userId` is typing: the other participant. Undefined in a conversation with oneself,
 * and when the participants are not known here, since typing does not justify a query. Rejects with
 * CONVERSATION_NOT_FOUND if the participants are known and `userId` is not one of them.
 */
export async function typingRecipient(
  conversations: KnownConversations,
  conversationId: ConversationId,
  userId: UserId,
): Promise<UserId | undefined> {
  const participants = await conversations.known(conversationId);
  if (!participants) return undefined;
  if (!participants.userIds.some((id) => id === userId)) throw new Rejection('CONVERSATION_NOT_FOUND');
  return participants.userIds.find((id) => id !== userId);
}
