import { type Conversation, Rejection, type UserId } from '@chat-cluster/contracts';
import { newConversationId } from './ids.ts';
import type { Conversations } from './ports.ts';
import { NO_CONVERSATION } from './submit-message.ts';

/**
 * Opens the direct conversation of two users, or of one user (notes). Exactly one of all callers gets `created: true`.
 */
export function openConversation(
  conversations: Pick<Conversations, 'open'>,
  userId: UserId,
  participantId: UserId,
): Promise<{ conversation: Conversation; created: boolean }> {
  return conversations.open(newConversationId(), userId, participantId);
}

/** The same for a user who may not open one: rejects with FORBIDDEN unless the conversation exists. */
export async function findConversation(
  { conversations }: { conversations: Pick<Conversations, 'find'> },
  userId: UserId,
  participantId: UserId,
): Promise<{ conversation: Conversation; created: false }> {
  const conversation = await conversations.find(userId, participantId);
  if (!conversation) throw new Rejection('FORBIDDEN', { message: NO_CONVERSATION });
  return { conversation, created: false };
}
