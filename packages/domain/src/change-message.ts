import type { ConversationId, Message, MessageChangeEntry, UserId } from '@chat-cluster/contracts';
import type { GroupReads } from './group-ports.ts';
import { errorOf } from './message.ts';
import { withOwnReactions } from './own-reactions.ts';
import type { Conversations, Inbox } from './ports.ts';
import { conversationOf, rejectIfBlocked } from './submit-message.ts';

/**
 * Edits or deletes a message, or sets a reaction, and resolves after the commit with the message as the user sees it.
 * The lane checks the right to it and its time. Idempotent. Rejections: those of {@link Inbox.submit},
 * CONVERSATION_NOT_FOUND, MESSAGE_NOT_FOUND, FORBIDDEN, TOO_LATE, LIMIT_EXCEEDED.
 */
export async function changeMessage(
  ports: {
    conversations: Pick<Conversations, 'participantsOf'>;
    inbox: Inbox;
    groupReads: Pick<GroupReads, 'ownReactions'>;
  },
  by: UserId,
  { conversationId, seq }: { conversationId: ConversationId; seq: number },
  change: MessageChangeEntry['change'],
): Promise<Message> {
  const conversation = await conversationOf(ports.conversations, conversationId, by);
  // An edit or a reaction could carry a text to a user who has blocked the sender. A deletion carries none.
  if (conversation.kind === 'direct' && change.type !== 'delete') rejectIfBlocked(conversation);
  const result = await ports.inbox.submit({ kind: 'message_change', conversationId, by, seq, change });
  if (result.kind !== 'message_changed') throw errorOf(result);
  const [message] = await withOwnReactions(ports, by, conversationId, [result.message]);
  return message ?? result.message;
}
