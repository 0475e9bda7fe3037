import { type ConversationId, Rejection, type UserId } from '@chat-cluster/contracts';
import type { KnownConversations } from './ports.ts';

/**
 * The user to notify that `userId` is typing: the other participant. Undefined in a conversation with oneself, and when
 * the conversation is not known here, since typing is not worth a query. Rejects with CONVERSATION_NOT_FOUND for a
 * conversation of other users.
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
