import {
  type ConversationId,
  type HistoryPage,
  type HistoryQuery,
  Rejection,
  type StoreEpoch,
  type UserId,
  type Window,
} from '@chat-cluster/contracts';
import type { GroupReads } from './group-ports.ts';
import { markRead } from './mark-read.ts';
import { withOwnReactions } from './own-reactions.ts';
import type { Conversations, History, Inbox, RecentMessages } from './ports.ts';
import { readRange } from './read-range.ts';
import { firstAfter, lastBefore, type SeqInterval, visibleIntervals } from './visible-entries.ts';

export interface ReadHistoryPorts {
  conversations: Pick<Conversations, 'participantsOf'>;
  history: Pick<History, 'directConversation' | 'head' | 'range'>;
  inbox: Inbox;
  recent: Pick<RecentMessages, 'range'>;
  groupReads: Pick<GroupReads, 'ownReactions'>;
  /** The epoch of the store as this process knows it. */
  epoch(): StoreEpoch;
}

/**
 * Returns one page of the conversation of two users: newest first by default and with `before`, oldest first with
 * `after`. `nextCursor` continues in the same direction and is null at the end. Two users without a conversation get an
 * empty page. `markAsRead` moves the reader's mark to the newest message of the page; it is durable when this resolves,
 * and the page shows the state after it.
 */
export async function readHistory(
  ports: ReadHistoryPorts,
  userId: UserId,
  otherUserId: UserId,
  query: HistoryQuery,
): Promise<HistoryPage> {
  const epoch = ports.epoch();
  const conversation = await ports.history.directConversation(userId, otherUserId);
  if (!conversation) return { epoch, conversationId: null, messages: [], nextCursor: null };
  return readPage(ports, userId, { ...conversation, epoch }, query);
}

/** The same by the id of the conversation, direct or group. Rejects with CONVERSATION_NOT_FOUND. */
export async function readHistoryById(
  ports: ReadHistoryPorts,
  userId: UserId,
  id: ConversationId,
  query: HistoryQuery,
): Promise<HistoryPage> {
  const epoch = ports.epoch();
  const head = await ports.history.head(userId, id);
  if (!head) throw new Rejection('CONVERSATION_NOT_FOUND');
  const readUpTo = new Map(head.readMarks.map((mark) => [mark.userId, mark.upToSeq]));
  // A former member has no read mark to move.
  const marks = head.group?.role === null ? { ...query, markAsRead: 'false' as const } : query;
  return readPage(ports, userId, { id, lastSeq: head.lastSeq, readUpTo, windows: head.group?.windows, epoch }, marks);
}

interface PagedConversation {
  id: ConversationId;
  lastSeq: number;
  readUpTo: ReadonlyMap<UserId, number>;
  windows?: readonly Window[] | undefined;
  epoch: StoreEpoch;
}

async function readPage(
  ports: ReadHistoryPorts,
  userId: UserId,
  { id, lastSeq, readUpTo, windows, epoch }: PagedConversation,
  query: HistoryQuery,
): Promise<HistoryPage> {
  const visible = visibleIntervals(windows, lastSeq);
  const page = pageOf(query, visible);
  const parts = await Promise.all(page.map((part) => readRange(ports, id, part, (reader) => readUpTo.get(reader))));
  const messages = await withOwnReactions(ports, userId, id, parts.flat());
  const [from, to] = [page[0]?.fromSeq ?? 1, page.at(-1)?.toSeq ?? 0];
  if (query.markAsRead === 'true' && messages.length > 0 && to > (readUpTo.get(userId) ?? 0)) {
    const { upToSeq } = await markRead(ports, userId, { conversationId: id, upToSeq: to });
    for (const message of messages) if (message.receiverId === userId) message.isRead = message.seq <= upToSeq;
  }
  const forward = query.after !== undefined;
  const more = forward ? to < (visible.at(-1)?.toSeq ?? 0) : from > (visible[0]?.fromSeq ?? 1);
  return {
    epoch,
    conversationId: id,
    messages: forward ? messages : messages.reverse(),
    nextCursor: more && messages.length > 0 ? (forward ? to : from) : null,
  };
}

/** The entries of a page, calculated because `seq` is dense within each interval. */
function pageOf({ limit, before, after }: HistoryQuery, visible: readonly SeqInterval[]): SeqInterval[] {
  return after !== undefined ? firstAfter(visible, after, limit) : lastBefore(visible, before ?? Infinity, limit);
}
