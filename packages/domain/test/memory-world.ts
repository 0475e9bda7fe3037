import type { ConversationId, SendEntry, UserId } from '@chat-cluster/contracts';
import type { MarkedRead, MessageStore, ReadMark, StoredMessage } from '@chat-cluster/domain';
import type { World } from './world.ts';

interface Row {
  entry: SendEntry;
  seq: number;
  createdAt: Date;
}

interface Conversation {
  messages: Row[];
  readers: Map<UserId, { upToSeq: number; readAt: Date }>;
}

/** The contract of {@link MessageStore} in memory, as simple as possible: without counters. */
export function memoryWorld(): World {
  const conversations = new Map<ConversationId, Conversation>();

  const unreadIn = (conversation: Conversation, user: UserId) => {
    const mark = conversation.readers.get(user);
    if (!mark) return 0;
    return conversation.messages.filter((row) => row.seq > mark.upToSeq && row.entry.senderId !== user).length;
  };
  const unreadOf = (user: UserId) =>
    [...conversations.values()].reduce((sum, conversation) => sum + unreadIn(conversation, user), 0);

  const store: MessageStore = {
    storeSends: async (sends) => sends.map((entry) => storeSend(conversations.get(entry.conversationId), entry)),
    markRead: async (marks) => {
      const moved = marks.map((mark) => moveMark(conversations.get(mark.conversationId), mark));
      return moved.map((mark, i) => {
        const user = marks[i]?.userId;
        return mark && user ? { ...mark, unreadCount: unreadOf(user) } : undefined;
      });
    },
    atomically: (work) => work(store),
  };
  return {
    store,
    writes: { apply: () => Promise.reject(new Error('groups are only on Postgres')) },
    async open(id, users) {
      const readers = new Map(users.map((user) => [user, { upToSeq: 0, readAt: new Date(0) }]));
      conversations.set(id, { messages: [], readers });
    },
    async history(id) {
      return (conversations.get(id)?.messages ?? []).map(({ entry, seq }) => ({
        seq,
        id: entry.id,
        senderId: entry.senderId,
        clientMessageId: entry.clientMessageId,
        content: entry.content,
        attachments: entry.attachments,
      }));
    },
    async marks(id) {
      return new Map([...(conversations.get(id)?.readers ?? [])].map(([user, mark]) => [user, mark.upToSeq]));
    },
    totals: async (users) => users.map(unreadOf),
  };
}

function storeSend(conversation: Conversation | undefined, entry: SendEntry): StoredMessage | undefined {
  if (!conversation) return undefined;
  const { messages } = conversation;
  const earlier = messages.find(
    (row) => row.entry.senderId === entry.senderId && row.entry.clientMessageId === entry.clientMessageId,
  );
  if (earlier) {
    const { id, content, attachments } = earlier.entry;
    return { id, seq: earlier.seq, createdAt: earlier.createdAt, earlier: { content, attachments } };
  }
  const row = { entry, seq: messages.length + 1, createdAt: new Date() };
  messages.push(row);
  return { id: entry.id, seq: row.seq, createdAt: row.createdAt };
}

function moveMark(
  conversation: Conversation | undefined,
  { userId, upToSeq }: ReadMark,
): Omit<MarkedRead, 'unreadCount'> | undefined {
  const mark = conversation?.readers.get(userId);
  if (!conversation || !mark) return undefined;
  const end = conversation.messages.length;
  const wanted = Math.min(upToSeq ?? end, end);
  const advanced = wanted > mark.upToSeq;
  if (advanced) Object.assign(mark, { upToSeq: wanted, readAt: new Date() });
  return { ...mark, advanced };
}
