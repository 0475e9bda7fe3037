import type { ReadAck, ReadMessages, UserId } from '@chat-cluster/contracts';
import { rejectionOf } from './message.ts';
import type { Conversations, Inbox } from './ports.ts';
import { otherParticipant } from './submit-message.ts';

/**
 * Moves the read mark of `userId` up to `upToSeq` (absent: everything so far) and resolves after commit with the mark
 * now and the total unread count. It goes through the lane of its conversation, so it can not overtake a message, nor
 * one it. Monotonic and idempotent. Rejections: as of submitMessage.
 */
export async function markRead(
  { conversations, inbox }: { conversations: Conversations; inbox: Inbox },
  userId: UserId,
  { conversationId, upToSeq }: ReadMessages,
): Promise<ReadAck> {
  const otherUserId = await otherParticipant(conversations, conversationId, userId);
  const result = await inbox.submit({ kind: 'read', conversationId, userId, otherUserId, upToSeq: upToSeq ?? null });
  if (result.kind !== 'read') throw rejectionOf(result);
  return { ok: true, conversationId, upToSeq: result.upToSeq, unread: { count: result.unreadCount } };
}
