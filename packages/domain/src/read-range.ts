import type { ConversationId, Message, UserId } from '@chat-cluster/contracts';
import type { History, RecentMessages } from './ports.ts';

/**
 * Reads the messages with `fromSeq <= seq <= toSeq` in order; none when `fromSeq > toSeq`. Reads from the cache of
 * recent messages, or from Postgres if the cache fails or lacks one of them (`seq` is dense, so a missing one is
 * detected). `isRead` derives from the read mark that `upToSeqOf` returns for the receiver;
 * a message of a group has none.
 */
export async function readRange(
  { recent, history }: { recent: Pick<RecentMessages, 'range'>; history: Pick<History, 'range'> },
  id: ConversationId,
  { fromSeq, toSeq }: { fromSeq: number; toSeq: number },
  upToSeqOf: (userId: UserId) => number | undefined,
): Promise<Message[]> {
  if (fromSeq > toSeq) return [];
  const cached = await recent.range(id, fromSeq, toSeq).catch(() => undefined);
  const messages = cached ?? (await history.range(id, fromSeq, toSeq));
  return messages.map((message) => {
    const { receiverId, seq } = message;
    return { ...message, isRead: receiverId !== undefined && (upToSeqOf(receiverId) ?? 0) >= seq };
  });
}
