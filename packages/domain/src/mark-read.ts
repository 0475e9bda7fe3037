import type { ReadAck, ReadMessages, UserId } from '@chat-cluster/contracts';
import { errorOf } from './message.ts';
import type { Conversations, Inbox } from './ports.ts';
import { conversationOf, otherOf } from './submit-message.ts';

/**
 * Moves the read mark of `userId` forward to `upToSeq` (default: the last message) and resolves after commit with the
 * current mark and the total unread count. The mark passes through the lane of its conversation, so it is stored in
 * order with the messages. Monotonic and idempotent. Rejections: those of submitMessage.
 */
export async function markRead(
  { conversations, inbox }: { conversations: Pick<Conversations, 'participantsOf'>; inbox: Inbox },
  userId: UserId,
  { conversationId, upToSeq }: ReadMessages,
): Promise<ReadAck> {
  const conversation = await conversationOf(conversations, conversationId, userId);
  const mark = { conversationId, userId, upToSeq: upToSeq ?? null };
  const result = await inbox.submit(
    conversation.kind === 'group'
      ? { kind: 'group_read', ...mark }
      : { kind: 'read', ...mark, otherUserId: otherOf(conversation, userId) },
  );
  if (result.kind !== 'read') throw errorOf(result);
  return { ok: true, conversationId, upToSeq: result.upToSeq, unread: { count: result.unreadCount } };
}
