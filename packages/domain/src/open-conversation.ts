import type { Conversation, UserId } from '@chat-cluster/contracts';
import { newConversationId } from './ids.ts';
import type { Conversations } from './ports.ts';

/** The direct conversation of the two users; `created` is true for exactly one of all callers. With oneself: notes. */
export function openConversation(
  conversations: Conversations,
  userId: UserId,
  participantId: UserId,
): Promise<{ conversation: Conversation; created: boolean }> {
  return conversations.open(newConversationId(), userId, participantId);
}
