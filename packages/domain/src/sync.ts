import type {
  Message,
  StoreEpoch,
  SyncAck,
  SyncedConversation,
  SyncFeed,
  SyncRequest,
  UserId,
} from '@chat-cluster/contracts';
import { readFeed, textOfFeed } from './feed.ts';
import type { ConversationHead, History, RecentMessages, UnreadSummary } from './ports.ts';
import { readRange } from './read-range.ts';
import { textOf } from './text-of.ts';

export interface SyncPorts {
  history: History;
  recent: RecentMessages;
  /** Unread messages of one user, from committed state. */
  unreadOf(userId: UserId): Promise<UnreadSummary>;
  /** The epoch of the store as this process knows it. */
  epoch(): StoreEpoch;
}

/** Maximum text in one ack, in UTF-16 code units. (500 messages of the longest text would be 5 MB.) */
const MAX_CHARACTERS = 512 * 1024;

/**
 * Returns what a device missed: for each conversation the messages after the last one it has, in order and without a
 * gap, and the read marks; and the unread total. All of it is committed state. The caller must first wait until the
 * device's room is subscribed. Then every later change arrives as an event, and the device misses nothing.
 *
 * The ack is bounded by `limit` messages and MAX_CHARACTERS of text over all conversations, and filled in the order of
 * the request. A conversation that did not fit has `hasMore`. Each ack with `hasMore` has at least one message, so
 * repeated requests make progress. Conversations of other users and unknown ids only appear in `notFound`. The feed is
 * read only if the request has `since`; its text counts, and is bounded to a part of MAX_CHARACTERS (feed.ts).
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
  const ranges = await Promise.all(
    wanted.map(({ head, ...range }) => readRange(ports, head.id, range, (reader) => markOf(head, reader))),
  );
  const conversations = withinCharacters(ranges, feed).map((messages, i): SyncedConversation => {
    const { head, fromSeq } = wanted[i] as Wanted;
    const { id, lastSeq, readMarks } = head;
    return { id, messages, lastSeq, hasMore: fromSeq + messages.length <= lastSeq, readMarks };
  });
  const hasMore = conversations.some((one) => one.hasMore);
  return { ok: true, epoch, conversations, notFound, hasMore, unread, ...(feed && { feed }) };
}

interface Wanted {
  head: ConversationHead;
  fromSeq: number;
  toSeq: number;
}

/** Divides the limit among the conversations; no query is needed, because `seq` is dense. */
function plan({ conversations, limit }: SyncRequest, heads: readonly (ConversationHead | undefined)[]) {
  const wanted: Wanted[] = [];
  const notFound: SyncAck['notFound'] = [];
  let left = limit;
  conversations.forEach(({ id, afterSeq }, i) => {
    const head = heads[i];
    if (!head) {
      notFound.push(id);
      return;
    }
    const toSeq = Math.min(head.lastSeq, afterSeq + left);
    left -= Math.max(0, toSeq - afterSeq);
    wanted.push({ head, fromSeq: afterSeq + 1, toSeq });
  });
  return { wanted, notFound };
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
