import type { HistoryPage, HistoryQuery, Message, UserId } from '@chat-cluster/contracts';
import { markRead } from './mark-read.ts';
import type { Conversations, History, Inbox, RecentMessages } from './ports.ts';

interface HistoryPorts {
  conversations: Conversations;
  history: History;
  inbox: Inbox;
  recent: RecentMessages;
}

/**
 * One page of the conversation of two users: newest first (the default, and with `before`), oldest first with `after`.
 * `nextCursor` continues in the same direction, null at the end. Two users without a conversation have an empty page.
 * `markAsRead` moves the reader's mark to the newest message of the page, durable when this resolves.
 */
export async function readHistory(
  ports: HistoryPorts,
  userId: UserId,
  otherUserId: UserId,
  query: HistoryQuery,
): Promise<HistoryPage> {
  const conversation = await ports.history.directConversation(userId, otherUserId);
  if (!conversation) return { conversationId: null, messages: [], nextCursor: null };
  const { id, lastSeq, readUpTo } = conversation;
  const { from, to } = window(query, lastSeq);
  // Dense seq proves the cached run complete: it holds every number from `from` to `to`, or it is not used.
  const found =
    from > to ? [] : ((await cached(ports.recent, id, from, to)) ?? (await ports.history.range(id, from, to)));
  const messages = found.map((message) => ({
    ...message,
    isRead: (readUpTo.get(message.receiverId) ?? 0) >= message.seq,
  }));
  if (query.markAsRead === 'true' && messages.length > 0 && to > (readUpTo.get(userId) ?? 0)) {
    await markRead(ports, userId, { conversationId: id, upToSeq: to });
  }
  const forward = query.after !== undefined;
  const more = forward ? to < lastSeq : from > 1;
  return {
    conversationId: id,
    messages: forward ? messages : messages.reverse(),
    nextCursor: more && messages.length > 0 ? (forward ? to : from) : null,
  };
}

/** The page as a closed interval of seq: arithmetic instead of a query, because seq is dense. Empty when from > to. */
function window({ limit, before, after }: HistoryQuery, lastSeq: number): { from: number; to: number } {
  if (after !== undefined) return { from: after + 1, to: Math.min(after + limit, lastSeq) };
  const to = Math.min(lastSeq, before === undefined ? lastSeq : before - 1);
  return { from: Math.max(1, to - limit + 1), to };
}

/** The cache is a short cut: when it fails, Postgres answers. */
async function cached(
  recent: RecentMessages,
  ...range: Parameters<RecentMessages['range']>
): Promise<Message[] | undefined> {
  return recent.range(...range).catch(() => undefined);
}
