import { type Draft, Rejection, type SendAck, type UserId } from '@chat-cluster/contracts';
import { newMessageId } from './ids.ts';
import { rejectionOf, toMessage } from './message.ts';
import type { Conversations, Inbox } from './ports.ts';

/**
 * Submits a draft of `senderId` and resolves after it is committed, with the message as all participants get it.
 * A resend (same conversation, sender and `clientMessageId`) resolves with the first result and `duplicate: true`.
 * Rejections: CONVERSATION_NOT_FOUND (also for a conversation of others: who is not in it learns nothing of it),
 * REJECTED, and those of {@link Inbox.submit}.
 */
export async function submitMessage(
  { conversations, inbox }: { conversations: Conversations; inbox: Inbox },
  senderId: UserId,
  draft: Draft,
): Promise<SendAck> {
  const receiverId = await otherParticipant(conversations, draft.conversationId, senderId);
  const id = newMessageId();
  const entry = {
    kind: 'send' as const,
    id,
    conversationId: draft.conversationId,
    senderId,
    receiverId,
    clientMessageId: draft.clientMessageId ?? ownClientMessageId(id),
    content: draft.content ?? null,
    attachments: draft.attachments ?? [],
  };
  const result = await inbox.submit(entry);
  switch (result.kind) {
    case 'stored':
      return { ok: true, message: toMessage(entry, result), duplicate: false };
    case 'duplicate':
      return { ok: true, message: result.message, duplicate: true };
    default:
      throw rejectionOf(result);
  }
}

/** The other side of a direct conversation (the user alone in a conversation with oneself). */
export async function otherParticipant(
  conversations: Conversations,
  conversationId: Draft['conversationId'],
  userId: UserId,
): Promise<UserId> {
  const participants = await conversations.participantsOf(conversationId);
  if (!participants?.userIds.some((id) => id === userId)) throw new Rejection('CONVERSATION_NOT_FOUND');
  return participants.userIds.find((id) => id !== userId) ?? userId;
}

/** A message submitted without a client message id is known by its own: every stored message has a dedupe key. */
function ownClientMessageId(id: string): NonNullable<Draft['clientMessageId']> {
  return id as NonNullable<Draft['clientMessageId']>;
}
