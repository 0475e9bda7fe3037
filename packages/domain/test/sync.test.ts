import { type ConversationId, LIMITS, type Message, type StoreEpoch, type SyncRequest } from '@chat-cluster/contracts';
import { newConversationId, type SyncPorts, sync } from '@chat-cluster/domain';
import { expect } from 'chai';
import fc from 'fast-check';
import { noReactions } from './ports.ts';
import { newUsers } from './world.ts';

const { alice, bob } = newUsers('alice', 'bob');
const EPOCH = '5b0f4a52-6f0e-4d43-9f0a-0d9f4b1d7c11' as StoreEpoch;

interface Talk {
  id: ConversationId;
  lastSeq: number;
  /** Read mark of bob. */
  readUpTo: number;
}

/**
 * Ports with conversations of alice and bob. All messages are from alice, with texts of `length` characters. The feed
 * has only the first conversation, many times.
 */
function portsOf(
  talks: readonly Talk[],
  { length = 5, cache = 'empty' as 'empty' | 'full' | 'broken' } = {},
): SyncPorts & { reads: string[] } {
  const reads: string[] = [];
  const messagesIn = (id: ConversationId, fromSeq: number, toSeq: number) =>
    Array.from({ length: toSeq - fromSeq + 1 }, (_, i): Message => {
      const seq = fromSeq + i;
      const message = { conversationId: id, seq, senderId: alice, receiverId: bob, isRead: false };
      return { ...message, content: 'x'.repeat(length), attachments: [] } as unknown as Message;
    });
  return {
    reads,
    history: {
      directConversation: () => Promise.reject(new Error('unexpected call')),
      conversations: () => Promise.reject(new Error('unexpected call')),
      sent: () => Promise.reject(new Error('unexpected call')),
      async head(userId, id) {
        const talk = talks.find((one) => one.id === id);
        if (!talk || (userId !== alice && userId !== bob)) return undefined;
        const readMarks = [
          { userId: alice, upToSeq: 0, readAt: null },
          { userId: bob, upToSeq: talk.readUpTo, readAt: null },
        ];
        return { id, lastSeq: talk.lastSeq, lastRev: 0, readMarks };
      },
      async range(...args) {
        reads.push('postgres');
        return messagesIn(...args);
      },
      async feed(_userId, after, limit) {
        reads.push('feed');
        const { id, lastSeq } = talks[0] as Talk;
        const [lastMessage = null] = messagesIn(id, lastSeq, lastSeq);
        const conversation = {
          id,
          otherUserId: alice,
          lastMessage,
          unreadCount: 1,
          lastSeq,
          updatedAt: '',
          readMarks: [],
        };
        return { readAt: 0, entries: after ? Array(limit).fill({ activityAt: 1, conversation }) : [] };
      },
    },
    recent: {
      async range(...args) {
        reads.push('cache');
        if (cache === 'broken') throw new Error('redis is down');
        return cache === 'full' ? messagesIn(...args) : undefined;
      },
    },
    unreadOf: async () => ({ count: 3, conversations: [], rooms: [] }),
    ...noReactions,
    epoch: () => EPOCH,
  };
}

const request = (conversations: SyncRequest['conversations'], limit: number = LIMITS.syncSize): SyncRequest => ({
  conversations,
  limit,
});
const talk = (lastSeq: number, readUpTo = 0): Talk => ({ id: newConversationId(), lastSeq, readUpTo });

describe('sync', () => {
  it('returns every missed message once and in order over repeated requests, within the limit', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ lastSeq: fc.nat(40), held: fc.nat(45) }), { maxLength: 6 }),
        fc.integer({ min: 1, max: 25 }),
        async (plan, limit) => {
          const talks = plan.map(({ lastSeq }) => talk(lastSeq));
          const ports = portsOf(talks);
          const held = new Map(talks.map(({ id }, i) => [id, plan[i]?.held ?? 0]));
          const received = new Map(talks.map(({ id }) => [id, [] as number[]]));
          for (let more = true; more; ) {
            const conversations = talks.map(({ id }) => ({ id, afterSeq: held.get(id) ?? 0 }));
            const answer = await sync(ports, bob, request(conversations, limit));
            const seqs = answer.conversations.flatMap(({ messages }) => messages);
            expect(seqs.length).to.be.at.most(limit);
            if (answer.hasMore) expect(seqs).to.not.have.length(0);
            for (const { id, messages } of answer.conversations) {
              received.get(id)?.push(...messages.map(({ seq }) => seq));
              held.set(id, messages.at(-1)?.seq ?? held.get(id) ?? 0);
            }
            more = answer.hasMore;
          }
          for (const [i, { id, lastSeq }] of talks.entries()) {
            const first = (plan[i]?.held ?? 0) + 1;
            const missed = Array.from({ length: Math.max(0, lastSeq - first + 1) }, (_, n) => first + n);
            expect(received.get(id)).to.deep.equal(missed);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('bounds the text of an ack, but returns at least one message', async () => {
    const talks = [talk(500), talk(500)];
    const conversations = talks.map(({ id }) => ({ id, afterSeq: 0 }));
    for (const length of [10_000, 600_000]) {
      const answer = await sync(portsOf(talks, { length }), bob, request(conversations, 500));
      const messages = answer.conversations.flatMap((one) => one.messages);
      expect(messages).to.have.length(length === 10_000 ? 50 : 1);
      expect(answer.conversations.map(({ hasMore }) => hasMore)).to.deep.equal([true, true]);
    }
  });

  it('returns the last seq and the read marks of each conversation, and isRead of each message', async () => {
    const one = talk(3, 2);
    const answer = await sync(portsOf([one]), alice, request([{ id: one.id, afterSeq: 0 }]));
    expect(answer.conversations[0]).to.include({ id: one.id, lastSeq: 3, hasMore: false });
    expect(answer.conversations[0]?.messages.map(({ isRead }) => isRead)).to.deep.equal([true, true, false]);
    expect(answer.conversations[0]?.readMarks.map(({ upToSeq }) => upToSeq)).to.deep.equal([0, 2]);
    expect(answer.unread).to.deep.equal({ count: 3, conversations: [] });
  });

  it('lists conversations of other users in notFound only, and returns the others', async () => {
    const { carol } = newUsers('carol');
    const one = talk(1);
    const nothing = newConversationId();
    const conversations = [nothing, one.id].map((id) => ({ id, afterSeq: 0 }));
    const answer = await sync(portsOf([one]), bob, request(conversations));
    expect([answer.notFound, answer.conversations.map(({ id }) => id)]).to.deep.equal([[nothing], [one.id]]);
    expect(await sync(portsOf([one]), carol, request(conversations))).to.deep.include({
      notFound: [nothing, one.id],
      conversations: [],
    });
  });

  it('reads from the cache first, and from Postgres what the cache lacks or fails to return', async () => {
    const one = talk(3);
    const wanted = request([{ id: one.id, afterSeq: 0 }]);
    const reads: unknown[] = [];
    for (const cache of ['full', 'empty', 'broken'] as const) {
      const ports = portsOf([one], { cache });
      const answer = await sync(ports, bob, wanted);
      expect(answer.conversations[0]?.messages.map(({ seq }) => seq)).to.deep.equal([1, 2, 3]);
      reads.push(ports.reads);
    }
    expect(reads).to.deep.equal([['cache'], ['cache', 'postgres'], ['cache', 'postgres']]);
  });

  it('returns the feed beside the messages, only to a request with since', async () => {
    const one = talk(3);
    const ports = portsOf([one]);
    const wanted = request([{ id: one.id, afterSeq: 0 }]);
    const without = await sync(ports, bob, wanted);
    expect(without).to.not.have.property('feed');
    expect(ports.reads).to.deep.equal(['cache', 'postgres']);
    const { feed, ...others } = await sync(ports, bob, { ...wanted, since: 'now' });
    expect(others).to.deep.equal(without);
    expect(feed).to.deep.include({ conversations: [], hasMore: false });
  });

  it('bounds the text of messages and feed together', async () => {
    const talks = [talk(500)];
    const ports = portsOf(talks, { length: 10_000 });
    const since = Buffer.from(`${EPOCH}.0`).toString('base64url');
    const conversations = talks.map(({ id }) => ({ id, afterSeq: 0 }));
    const answer = await sync(ports, bob, { ...request(conversations, 500), since });
    expect(answer.feed?.conversations).to.have.length(12);
    expect(answer.conversations[0]?.messages).to.have.length(38);
  });

  it('reads no messages when none are missing', async () => {
    const one = talk(3);
    const ports = portsOf([one]);
    const answer = await sync(ports, bob, request([{ id: one.id, afterSeq: 3 }]));
    expect(answer).to.deep.include({ hasMore: false });
    expect(answer.conversations[0]).to.deep.include({ messages: [], lastSeq: 3 });
    expect(ports.reads).to.deep.equal([]);
  });
});
