import type { ConversationId, Message } from '@chat-cluster/contracts';
import type { History, RecentMessages } from './ports.ts';

/**
 * Messages with `fromSeq <= seq <= toSeq` in order, none when `fromSeq > toSeq`; `isRead` as the participants' marks
 * say. From the recent-message cache where it holds every one of them (dense seq proves it), else from Postgres: the
 * cache is a short cut, and when it fails, Postgres answers.
 */
export async function messageRun(
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
