import type { HistoryPage, HistoryQuery, StoreEpoch, UserId } from '@chat-cluster/contracts';
import { markRead } from './mark-read.ts';
import type { Conversations, History, Inbox, RecentMessages } from './ports.ts';
import { readRange } from './read-range.ts';

/**
 * Returns one page of the conversation of two users: newest first by default and with `before`, oldest first with
 * `after`. `nextCursor` continues in the same direction and is null at the end. Two users without a conversation get an
 * empty page. `markAsRead` moves the reader's mark to the newest message of the page; it is durable when this resolves,
 * and the page shows the state after it.
 */
export async function readHistory(
  ports: {
    conversations: Conversations;
    history: History;
    inbox: Inbox;
    recent: RecentMessages;
    /** The epoch of the store as this process knows it. */
    epoch(): StoreEpoch;
  },
  userId: UserId,
  otherUserId: UserId,
  query: HistoryQuery,
): Promise<HistoryPage> {
  const epoch = ports.epoch();
  const conversation = await ports.history.directConversation(userId, otherUserId);
  if (!conversation) return { epoch, conversationId: null, messages: [], nextCursor: null };
  const { id, lastSeq, readUpTo } = conversation;
  const { from, to } = intervalOf(query, lastSeq);
  const messages = await readRange(ports, id, { fromSeq: from, toSeq: to }, (reader) => readUpTo.get(reader));
  if (query.markAsRead === 'true' && messages.length > 0 && to > (readUpTo.get(userId) ?? 0)) {
    const { upToSeq } = await markRead(ports, userId, { conversationId: id, upToSeq: to });
    for (const message of messages) if (message.receiverId === userId) message.isRead = message.seq <= upToSeq;
  }
  const forward = query.after !== undefined;
  const more = forward ? to < lastSeq : from > 1;
  return {
    epoch,
    conversationId: id,
    messages: forward ? messages : messages.reverse(),
    nextCursor: more && messages.length > 0 ? (forward ? to : from) : null,
  };
}

/** The page as a closed interval of `seq`, calculated because `seq` is dense. Empty when from > to. */
function intervalOf({ limit, before, after }: HistoryQuery, lastSeq: number): { from: number; to: number } {
  if (after !== undefined) return { from: after + 1, to: Math.min(after + limit, lastSeq) };
  const to = Math.min(lastSeq, before === undefined ? lastSeq : before - 1);
  return { from: Math.max(1, to - limit + 1), to };
}
