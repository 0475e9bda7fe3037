import type { ConversationId, UserId } from '@chat-cluster/contracts';
import type { KnownConversations } from './ports.ts';

/**
 * Returns the user to notify that `userId` is typing: the other participant. Undefined in a conversation with oneself,
 * in one of other users, in one that does not exist, and when the participants are not known here, since typing does
 * not justify a query.
 */
export async function typingRecipient(
  conversations: KnownConversations,
  conversationId: ConversationId,
  userId: UserId,
): Promise<UserId | undefined> {
  const participants = await conversations.known(conversationId, userId);
  return participants?.userIds.find((id) => id !== userId);
}
