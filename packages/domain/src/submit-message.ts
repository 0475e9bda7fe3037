import { type ClientMessageId, type Draft, Rejection, type SendAck, type UserId } from '@chat-cluster/contracts';
import { newMessageId } from './ids.ts';
import { errorOf, toMessage } from './message.ts';
import type { Conversations, Inbox } from './ports.ts';

/**
 * Submits a draft of `senderId` and resolves after its commit with the message as all devices receive it. A resend
 * (same conversation, sender and `clientMessageId`) resolves with the first result and `duplicate: true`. Rejections:
 * REJECTED, those of {@link Inbox.submit}, and CONVERSATION_NOT_FOUND (also for a conversation of other users).
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
    // Every stored message needs a deduplication key: a draft without a client message id gets the message id as one.
    clientMessageId: draft.clientMessageId ?? (id as string as ClientMessageId),
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
      throw errorOf(result);
  }
}

/** The other participant of a direct conversation; in a conversation with oneself the user. */
export async function otherParticipant(
  conversations: Conversations,
  conversationId: Draft['conversationId'],
  userId: UserId,
): Promise<UserId> {
  const participants = await conversations.participantsOf(conversationId, userId);
  if (!participants) throw new Rejection('CONVERSATION_NOT_FOUND');
  return participants.userIds.find((id) => id !== userId) ?? userId;
}
