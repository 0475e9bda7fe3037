import { type ConversationId, LIMITS, type Message, type SyncRequest } from '@chat-cluster/contracts';
import { newConversationId, type SyncPorts, sync } from '@chat-cluster/domain';
import { expect } from 'chai';
import fc from 'fast-check';
import { newUsers } from './world.ts';

const { alice, bob } = newUsers('alice', 'bob');

interface Talk {
  id: ConversationId;
  lastSeq: number;
  /** How far bob has read. */
  readUpTo: number;
}

/** Talks of alice with bob, all from alice; texts of `length` characters. */
function portsOf(
  talks: readonly Talk[],
  { length = 5, cache = 'empty' as 'empty' | 'full' | 'broken' } = {},
): SyncPorts & { asked: string[] } {
  const asked: string[] = [];
  const run = (id: ConversationId, fromSeq: number, toSeq: number) =>
    Array.from({ length: toSeq - fromSeq + 1 }, (_, i): Message => {
      const seq = fromSeq + i;
      const message = { conversationId: id, seq, senderId: alice, receiverId: bob, isRead: false };
      return { ...message, content: 'x'.repeat(length), attachments: [] } as unknown as Message;
    });
  return {
    asked,
    history: {
      directConversation: () => Promise.reject(new Error('not asked for')),
      conversations: () => Promise.reject(new Error('not asked for')),
      async head(userId, id) {
        const talk = talks.find((one) => one.id === id);
        if (!talk || (userId !== alice && userId !== bob)) return undefined;
        const readMarks = [
          { userId: alice, upToSeq: 0, readAt: null },
          { userId: bob, upToSeq: talk.readUpTo, readAt: null },
        ];
        return { id, lastSeq: talk.lastSeq, readMarks };
      },
      async range(...question) {
        asked.push('postgres');
        return run(...question);
      },
    },
    recent: {
      append: () => Promise.reject(new Error('not asked for')),
      async range(...question) {
        asked.push('cache');
        if (cache === 'broken') throw new Error('redis is away');
        return cache === 'full' ? run(...question) : undefined;
      },
    },
    unreadOf: async () => ({ count: 3, conversations: [] }),
  };
}

const question = (conversations: SyncRequest['conversations'], limit: number = LIMITS.syncSize): SyncRequest => ({
  conversations,
  limit,
});
const talk = (lastSeq: number, readUpTo = 0): Talk => ({ id: newConversationId(), lastSeq, readUpTo });

describe('sync', () => {
  it('asked again and again brings every missed message once, in order, never more than the limit at a time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ lastSeq: fc.nat(40), held: fc.nat(45) }), { maxLength: 6 }),
        fc.integer({ min: 1, max: 25 }),
        async (plan, limit) => {
          const talks = plan.map(({ lastSeq }) => talk(lastSeq));
          const ports = portsOf(talks);
          const held = new Map(talks.map(({ id }, i) => [id, plan[i]?.held ?? 0]));
          const brought = new Map(talks.map(({ id }) => [id, [] as number[]]));
          for (let more = true; more; ) {
            const asking = talks.map(({ id }) => ({ id, afterSeq: held.get(id) ?? 0 }));
            const answer = await sync(ports, bob, question(asking, limit));
            const seqs = answer.conversations.flatMap(({ messages }) => messages);
            expect(seqs.length).to.be.at.most(limit);
            if (answer.hasMore) expect(seqs).to.not.have.length(0);
            for (const { id, messages } of answer.conversations) {
              brought.get(id)?.push(...messages.map(({ seq }) => seq));
              held.set(id, messages.at(-1)?.seq ?? held.get(id) ?? 0);
            }
            more = answer.hasMore;
          }
          for (const [i, { id, lastSeq }] of talks.entries()) {
            const first = (plan[i]?.held ?? 0) + 1;
            const missed = Array.from({ length: Math.max(0, lastSeq - first + 1) }, (_, n) => first + n);
            expect(brought.get(id)).to.deep.equal(missed);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('bounds the text of an answer, but never to no message at all', async () => {
    const talks = [talk(500), talk(500)];
    const asking = talks.map(({ id }) => ({ id, afterSeq: 0 }));
    for (const length of [10_000, 600_000]) {
      const answer = await sync(portsOf(talks, { length }), bob, question(asking, 500));
      const messages = answer.conversations.flatMap((one) => one.messages);
      expect(messages).to.have.length(length === 10_000 ? 50 : 1);
      expect(answer.conversations.map(({ hasMore }) => hasMore)).to.deep.equal([true, true]);
    }
  });

  it('tells where each conversation ends, how far each side has read, and what of it is read', async () => {
    const one = talk(3, 2);
    const answer = await sync(portsOf([one]), alice, question([{ id: one.id, afterSeq: 0 }]));
    expect(answer.conversations[0]).to.include({ id: one.id, lastSeq: 3, hasMore: false });
    expect(answer.conversations[0]?.messages.map(({ isRead }) => isRead)).to.deep.equal([true, true, false]);
    expect(answer.conversations[0]?.readMarks.map(({ upToSeq }) => upToSeq)).to.deep.equal([0, 2]);
    expect(answer.unread).to.deep.equal({ count: 3, conversations: [] });
  });

  it('only names a conversation that is none of the user, and answers the others', async () => {
    const { carol } = newUsers('carol');
    const one = talk(1);
    const nothing = newConversationId();
    const asking = [nothing, one.id].map((id) => ({ id, afterSeq: 0 }));
    const answer = await sync(portsOf([one]), bob, question(asking));
    expect([answer.notFound, answer.conversations.map(({ id }) => id)]).to.deep.equal([[nothing], [one.id]]);
    expect(await sync(portsOf([one]), carol, question(asking))).to.deep.include({
      notFound: [nothing, one.id],
      conversations: [],
    });
  });

  it('asks the cache first, and Postgres for what it does not hold or cannot tell', async () => {
    const one = talk(3);
    const asking = question([{ id: one.id, afterSeq: 0 }]);
    const asked: unknown[] = [];
    for (const cache of ['full', 'empty', 'broken'] as const) {
      const ports = portsOf([one], { cache });
      const answer = await sync(ports, bob, asking);
      expect(answer.conversations[0]?.messages.map(({ seq }) => seq)).to.deep.equal([1, 2, 3]);
      asked.push(ports.asked);
    }
    expect(asked).to.deep.equal([['cache'], ['cache', 'postgres'], ['cache', 'postgres']]);
  });

  it('asks nobody for messages when there are none to bring', async () => {
    const one = talk(3);
    const ports = portsOf([one]);
    const answer = await sync(ports, bob, question([{ id: one.id, afterSeq: 3 }]));
    expect(answer).to.deep.include({ hasMore: false });
    expect(answer.conversations[0]).to.deep.include({ messages: [], lastSeq: 3 });
    expect(ports.asked).to.deep.equal([]);
  });
});
