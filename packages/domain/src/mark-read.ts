import type { ReadAck, ReadMessages, UserId } from '@chat-cluster/contracts';
import { errorOf } from './message.ts';
import type { Conversations, Inbox } from './ports.ts';
import { otherParticipant } from './submit-message.ts';

/**
 * Moves the read mark of `userId` forward to `upToSeq` (default: the last message) and resolves after commit with the
 * current mark and the total unread count. The mark passes through the lane of its conversation, so it is stored in
 * order with the messages. Monotonic and idempotent. Rejections: those of submitMessage.
 */
export async function markRead(
  { conversations, inbox }: { conversations: Conversations; inbox: Inbox },
  userId: UserId,
  { conversationId, upToSeq }: ReadMessages,
): Promise<ReadAck> {
  const otherUserId = await otherParticipant(conversations, conversationId, userId);
  const result = await inbox.submit({ kind: 'read', conversationId, userId, otherUserId, upToSeq: upToSeq ?? null });
  if (result.kind !== 'read') throw errorOf(result);
  return { ok: true, conversationId, upToSeq: result.upToSeq, unread: { count: result.unreadCount } };
}
