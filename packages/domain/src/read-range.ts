import type { ConversationId, Message } from '@chat-cluster/contracts';
import type { History, RecentMessages } from './ports.ts';

/**
 * Reads the messages with `fromSeq <= seq <= toSeq` in order; none when `fromSeq > toSeq`. `isRead` derives from the
 * read mark that `upToSeqOf` returns for the receiver. They come from the recent-message cache if it has all of them,
 * which the dense `seq` proves, and otherwise, or when the cache fails, from Postgres.
 */
export async function readRange(
  { recent, history }: { recent: RecentMessages; history: History },
  id: ConversationId,
  { fromSeq, toSeq }: { fromSeq: number; toSeq: number },
  upToSeqOf: (userId: Message['receiverId']) => number | undefined,
): Promise<Message[]> {
  if (fromSeq > toSeq) return [];
  const cached = await recent.range(id, fromSeq, toSeq).catch(() => undefined);
  const messages = cached ?? (await history.range(id, fromSeq, toSeq));
  return messages.map((message) => ({ ...message, isRead: (upToSeqOf(message.receiverId) ?? 0) >= message.seq }));
}
