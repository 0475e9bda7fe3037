import type { Message, SyncAck, SyncedConversation, SyncRequest, UserId } from '@chat-cluster/contracts';
import { messageRun } from './message-run.ts';
import type { ConversationHead, History, RecentMessages, UnreadSummary } from './ports.ts';

export interface SyncPorts {
  history: History;
  recent: RecentMessages;
  /** The unread messages of one user, from committed state. */
  unreadOf(userId: UserId): Promise<UnreadSummary>;
}

/** Text of one answer, in UTF-16 code units: 500 messages of the longest text would be 5 MB. */
const MAX_CHARACTERS = 512 * 1024;

/**
 * What a device missed: of each conversation the messages after the last one it holds, in order and without a gap, the
 * read marks, and the unread total. Committed state read now, so a device whose room was subscribed before misses
 * nothing: what is not in the answer comes as an event.
 *
 * Bounded: `limit` messages and MAX_CHARACTERS of text over all conversations, filled in the order of the question. A
 * conversation that did not fit says `hasMore`; every answer to a question for more carries at least one message.
 * Conversations of others, and ids of none, are only named in `notFound`.
 */
export async function sync(ports: SyncPorts, userId: UserId, question: SyncRequest): Promise<SyncAck> {
  const [heads, unread] = await Promise.all([
    Promise.all(question.conversations.map(({ id }) => ports.history.head(userId, id))),
    ports.unreadOf(userId),
  ]);
  const { wanted, notFound } = plan(question, heads);
  const runs = await Promise.all(
    wanted.map(({ head, ...run }) => messageRun(ports, head.id, run, (reader) => markOf(head, reader))),
  );
  const conversations = withinCharacters(runs).map((messages, i): SyncedConversation => {
    const { head, fromSeq } = wanted[i] as Wanted;
    const { id, lastSeq, readMarks } = head;
    return { id, messages, lastSeq, hasMore: fromSeq + messages.length <= lastSeq, readMarks };
  });
  return { ok: true, conversations, notFound, hasMore: conversations.some(({ hasMore }) => hasMore), unread };
}

interface Wanted {
  head: ConversationHead;
  fromSeq: number;
  toSeq: number;
}

/** How many messages each conversation may have of the limit: arithmetic, because seq is dense. */
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

/** Cuts the runs where the text of the whole answer would grow too long, but never to no message at all. */
function withinCharacters(runs: Message[][]): Message[][] {
  let characters = 0;
  return runs.map((run) => {
    const end = run.findIndex((message) => {
      const first = characters === 0;
      characters += charactersOf(message);
      return !first && characters > MAX_CHARACTERS;
    });
    return end < 0 ? run : run.slice(0, end);
  });
}

/** The fixed fields of a message are about 300 characters. */
function charactersOf({ content, attachments }: Message): number {
  return 300 + (content?.length ?? 0) + attachments.reduce((sum, { url }) => sum + url.length, 0);
}
