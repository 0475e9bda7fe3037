import type { ConversationId, Message, UserId } from '@chat-cluster/contracts';
import type { GroupReads } from './group-ports.ts';

/** Adds `mine` to the reactions of messages. It costs a query only if one of them has reactions. */
export async function withOwnReactions<T extends Message>(
  { groupReads }: { groupReads: Pick<GroupReads, 'ownReactions'> },
  userId: UserId,
  id: ConversationId,
  messages: T[],
): Promise<T[]> {
  const seqs = messages.flatMap(({ seq, reactions = [] }) => (reactions.length > 0 ? [seq] : []));
  if (seqs.length === 0) return messages;
  const own = await groupReads.ownReactions(userId, id, seqs);
  return messages.map((message) => {
    const mine = own.get(message.seq);
    if (!mine || !message.reactions) return message;
    const reactions = message.reactions.map((one) => (mine.includes(one.emoji) ? { ...one, mine: true } : one));
    return { ...message, reactions };
  });
}
