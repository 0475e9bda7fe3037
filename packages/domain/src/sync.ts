import {
  LIMITS,
  type Message,
  type StoreEpoch,
  type SyncAck,
  type SyncedConversation,
  type SyncFeed,
  type SyncRequest,
  type UserId,
} from '@chat-cluster/contracts';
import { readFeed, textOfFeed } from './feed.ts';
import type { GroupReads } from './group-ports.ts';
import { withOwnReactions } from './own-reactions.ts';
import type { ConversationHead, History, RecentMessages, UnreadSummary } from './ports.ts';
import { readRange } from './read-range.ts';
import { textOf } from './text-of.ts';
import { firstAfter, isVisible, type SeqInterval, visibleIntervals } from './visible-entries.ts';

export interface SyncPorts {
  history: History;
  recent: Pick<RecentMessages, 'range'>;
  groupReads: Pick<GroupReads, 'changes' | 'ownReactions'>;
  /** Unread messages of one user, from committed state. */
  unreadOf(userId: UserId): Promise<UnreadSummary>;
  /** The epoch of the store as this process knows it. */
  epoch(): StoreEpoch;
}

/** Reads nothing, for messages that may have changed since they were cached. */
const NO_CACHE: Pick<RecentMessages, 'range'> = { range: async () => undefined };

/** Maximum text in one ack, in UTF-16 code units. (500 messages of the longest text would be 5 MB.) */
const MAX_CHARACTERS = 512 * 1024;

/**
 * Returns what a device missed: for each conversation the messages after the last one it has, in order and without a
 * gap, and the read marks; and the unread total. Of a group, only the entries within the windows of the user exist. All
 * of it is committed state. The caller must first wait until the device's room is subscribed. Then every later change
 * arrives as an event, and the device misses nothing.
 *
 * The ack is bounded by `limit` messages and MAX_CHARACTERS of text over all conversations, and filled in the order of
 * the request. A conversation that did not fit has `hasMore`. Each ack with `hasMore` has at least one message, so
 * repeated requests make progress. Conversations of other users and unknown ids only appear in `notFound`. The feed is
 * read only if the request has `since`; its text counts, and is bounded to a part of MAX_CHARACTERS (feed.ts).
 *
 * Changes are read before the messages, and the messages then not from the cache, so that no message is older than
 * `lastRev`.
 */
export async function sync(ports: SyncPorts, userId: UserId, request: SyncRequest): Promise<SyncAck> {
  // Before the reads: an ack that has an epoch has no state of an earlier one.
  const epoch = ports.epoch();
  const [feed, heads, unread] = await Promise.all([
    request.since === undefined ? undefined : readFeed(ports.history, userId, request.since, epoch),
    Promise.all(request.conversations.map(({ id }) => ports.history.head(userId, id))),
    ports.unreadOf(userId),
  ]);
  const { wanted, notFound } = plan(request, heads);
  const changes = await Promise.all(wanted.map((one) => readChanges(ports, userId, one)));
  const ranges = await Promise.all(wanted.map((one) => readMessages(ports, userId, one)));
  const conversations = withinCharacters(ranges, feed).map((messages, i): SyncedConversation => {
    const { head, visible, afterSeq } = wanted[i] as Wanted;
    const { lastRev: _, ...ofHead } = head;
    const lastVisible = visible.at(-1)?.toSeq ?? 0;
    return { ...ofHead, messages, hasMore: (messages.at(-1)?.seq ?? afterSeq) < lastVisible, ...changes[i] };
  });
  const hasMore = conversations.some((one) => one.hasMore);
  const { count, conversations: unreadConversations } = unread;
  return {
    ok: true,
    epoch,
    conversations,
    notFound,
    hasMore,
    unread: { count, conversations: unreadConversations },
    ...(feed && { feed }),
  };
}

interface Wanted {
  head: ConversationHead;
  visible: SeqInterval[];
  afterSeq: number;
  afterRev: number | undefined;
  intervals: SeqInterval[];
}

/** Divides the limit among the conversations; no query is needed, because `seq` is dense. */
function plan({ conversations, limit }: SyncRequest, heads: readonly (ConversationHead | undefined)[]) {
  const wanted: Wanted[] = [];
  const notFound: SyncAck['notFound'] = [];
  let left = limit;
  conversations.forEach(({ id, afterSeq, afterRev }, i) => {
    const head = heads[i];
    if (!head) {
      notFound.push(id);
      return;
    }
    const visible = visibleIntervals(head.group?.windows, head.lastSeq);
    const intervals = firstAfter(visible, afterSeq, left);
    for (const { fromSeq, toSeq } of intervals) left -= toSeq - fromSeq + 1;
    wanted.push({ head, visible, afterSeq, afterRev, intervals });
  });
  return { wanted, notFound };
}

async function readMessages(
  ports: SyncPorts,
  userId: UserId,
  { head, intervals, afterRev }: Wanted,
): Promise<Message[]> {
  const recent = afterRev !== undefined && head.lastRev > 0 ? NO_CACHE : ports.recent;
  const from = { history: ports.history, recent };
  const parts = await Promise.all(
    intervals.map((interval) => readRange(from, head.id, interval, (reader) => markOf(head, reader))),
  );
  return withOwnReactions(ports, userId, head.id, parts.flat());
}

/** The messages up to `afterSeq` that have changed. Nothing is read while the conversation has no newer change. */
async function readChanges(
  ports: SyncPorts,
  userId: UserId,
  { head, visible, afterSeq, afterRev }: Wanted,
): Promise<Pick<SyncedConversation, 'changed' | 'lastRev' | 'hasMoreChanges'>> {
  if (afterRev === undefined) return {};
  if (head.lastRev <= afterRev) return { changed: [], lastRev: head.lastRev };
  const limit = LIMITS.syncChanges;
  const read = await ports.groupReads.changes(head.id, { afterRev, upToSeq: afterSeq, limit: limit + 1 });
  const page = read.messages.slice(0, limit);
  const hasMoreChanges = read.messages.length > limit;
  const ofUser = page.filter(({ seq }) => isVisible(visible, seq));
  const withMarks = ofUser.map((message) => ({
    ...message,
    isRead: message.receiverId !== undefined && (markOf(head, message.receiverId) ?? 0) >= message.seq,
  }));
  return {
    changed: await withOwnReactions(ports, userId, head.id, withMarks),
    lastRev: hasMoreChanges ? (page.at(-1)?.rev ?? afterRev) : read.lastRev,
    ...(hasMoreChanges && { hasMoreChanges }),
  };
}

function markOf(head: ConversationHead, reader: UserId): number | undefined {
  return head.readMarks.find(({ userId }) => userId === reader)?.upToSeq;
}

/** Cuts the ranges so that the text of the whole ack stays bounded; at least one message remains. */
function withinCharacters(ranges: Message[][], feed: SyncFeed | undefined): Message[][] {
  const before = feed ? textOfFeed(feed) : 0;
  let characters = before;
  return ranges.map((range) => {
    const end = range.findIndex((message) => {
      const first = characters === before;
      characters += textOf(message);
      return !first && characters > MAX_CHARACTERS;
    });
    return end < 0 ? range : range.slice(0, end);
  });
}
