import type { ConversationId, UserId } from '@chat-cluster/contracts';
import type { KnownConversations } from './ports.ts';

/**
 * Returns the users to notify that `userId` is typing: the other participant, or the other members of a small group.
 * None in a conversation with oneself, in one of other users, in one that does not exist, and when the participants are
 * not known here, since typing does not justify a search.
 */
export async function typingRecipients(
  conversations: KnownConversations,
  conversationId: ConversationId,
  userId: UserId,
): Promise<readonly UserId[]> {
  const userIds = await conversations.known(conversationId, userId);
  return userIds?.filter((id) => id !== userId) ?? [];
}
