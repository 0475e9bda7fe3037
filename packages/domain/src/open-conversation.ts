import type { Conversation, UserId } from '@chat-cluster/contracts';
import { newConversationId } from './ids.ts';
import type { Conversations } from './ports.ts';

/**
 * Opens the direct conversation of two users, or of one user (notes). Exactly one of all callers gets `created: true`.
 */
export function openConversation(
  conversations: Conversations,
  userId: UserId,
  participantId: UserId,
): Promise<{ conversation: Conversation; created: boolean }> {
  return conversations.open(newConversationId(), userId, participantId);
}
