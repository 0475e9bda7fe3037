import type { ConversationId, HistoryQuery, Message, StoreEpoch } from '@chat-cluster/contracts';
import { type History, type RecentMessages, readHistory } from '@chat-cluster/domain';
import { expect } from 'chai';
import fc from 'fast-check';
import { conversation, conversationsAmong, inboxAnswering, noReactions } from './ports.ts';
import { newUsers } from './world.ts';

const { alice, bob, carol } = newUsers('alice', 'bob', 'carol');
const pair = conversation(alice, bob);
const EPOCH = 'epoch' as StoreEpoch;

/**
 * Ports with a conversation of alice and bob: messages 1 to `lastSeq`, the odd ones from alice, and the read mark of
 * each user.
 */
function setting({ lastSeq = 10, marks = [0, 0], cached = false as boolean | 'broken' } = {}) {
  const reads = { history: [] as [number, number][], recent: [] as [number, number][] };
  const messageAt = (seq: number) => {
    const [senderId, receiverId] = seq % 2 ? [alice, bob] : [bob, alice];
    return { seq, senderId, receiverId, conversationId: pair.conversationId, isRead: false } as Message;
  };
  const run = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => messageAt(from + i));
  const history: History = {
    async directConversation(...users) {
      if (![alice, bob].every((user) => users.includes(user))) return undefined;
      const readUpTo = new Map([alice, bob].map((user, i) => [user, marks[i] ?? 0]));
      return { id: pair.conversationId, lastSeq, readUpTo };
    },
    async range(_id: ConversationId, from, to) {
      reads.history.push([from, to]);
      return run(from, Math.min(to, lastSeq));
    },
    head: () => Promise.reject(new Error('unexpected call')),
    sent: () => Promise.reject(new Error('unexpected call')),
    conversations: () => Promise.reject(new Error('unexpected call')),
    feed: () => Promise.reject(new Error('unexpected call')),
  };
  const recent: RecentMessages = {
    drop: () => Promise.reject(new Error('unexpected call')),
    append: () => Promise.reject(new Error('unexpected call')),
    async range(_id, from, to) {
      reads.recent.push([from, to]);
      if (cached === 'broken') throw new Error('redis is down');
      return cached ? run(from, to) : undefined;
    },
  };
  const { inbox, submitted } = inboxAnswering((entry) => ({
    kind: 'read',
    upToSeq: (entry.kind === 'read' && entry.upToSeq) || 0,
    unreadCount: 0,
  }));
  const ports = { ...noReactions, history, recent, inbox, conversations: conversationsAmong(pair), epoch: () => EPOCH };
  return { ports, reads, submitted };
}

const query = (parts: Partial<HistoryQuery> = {}): HistoryQuery => ({ limit: 3, markAsRead: 'false', ...parts });
const seqs = (messages: readonly Message[]) => messages.map((message) => message.seq);

describe('reading history', () => {
  const pages: [string, Partial<HistoryQuery>, number[], number | null][] = [
    ['the newest messages first', {}, [10, 9, 8], 8],
    ['before a seq, newest first', { before: 8 }, [7, 6, 5], 5],
    ['the last page with before has no cursor', { before: 4 }, [3, 2, 1], null],
    ['a last page with before that is not full', { before: 3 }, [2, 1], null],
    ['nothing before the first message', { before: 1 }, [], null],
    ['nothing before 0', { before: 0 }, [], null],
    ['from the end when before is beyond it', { before: 99 }, [10, 9, 8], 8],
    ['after a seq, oldest first', { after: 4 }, [5, 6, 7], 7],
    ['from the first message with after 0', { after: 0 }, [1, 2, 3], 3],
    ['the last page with after has no cursor', { after: 7 }, [8, 9, 10], null],
    ['a last page with after that is not full', { after: 8 }, [9, 10], null],
    ['nothing after the last message', { after: 10 }, [], null],
    ['nothing when after is beyond the end', { after: 99 }, [], null],
    ['all messages when the page is large enough', { limit: 10 }, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1], null],
  ];
  for (const [name, parts, expected, nextCursor] of pages) {
    it(`pages: ${name}`, async () => {
      const { ports } = setting();
      const page = await readHistory(ports, alice, bob, query(parts));
      expect(seqs(page.messages)).to.deep.equal(expected);
      expect(page).to.include({ conversationId: pair.conversationId, nextCursor });
    });
  }

  it('returns an empty page without a conversation, and without messages', async () => {
    const { ports } = setting({ lastSeq: 0 });
    const empty = { epoch: EPOCH, messages: [], nextCursor: null };
    expect(await readHistory(ports, alice, carol, query())).to.deep.equal({ conversationId: null, ...empty });
    for (const parts of [{}, { after: 0 }, { before: 5 }]) {
      const page = await readHistory(ports, alice, bob, query(parts));
      expect(page).to.deep.equal({ conversationId: pair.conversationId, ...empty });
    }
  });

  it('returns each message once and in order along the cursors in both directions', async () => {
    const property = fc.asyncProperty(fc.nat(40), fc.integer({ min: 1, max: 9 }), async (lastSeq, limit) => {
      const { ports } = setting({ lastSeq });
      const all = Array.from({ length: lastSeq }, (_, i) => i + 1);
      for (const [parameter, expected] of [
        ['after', all],
        ['before', all.toReversed()],
      ] as const) {
        const seen: number[] = [];
        let cursor: number | null = parameter === 'after' ? 0 : lastSeq + 1;
        while (cursor !== null) {
          const page = await readHistory(ports, alice, bob, query({ limit, [parameter]: cursor }));
          seen.push(...seqs(page.messages));
          cursor = page.nextCursor;
          if (seen.length > lastSeq) break;
        }
        expect(seen).to.deep.equal(expected);
      }
    });
    await fc.assert(property, { numRuns: 60 });
  });

  it('derives isRead from the read mark of the receiver', async () => {
    // Alice has read up to 4 (of the even messages, to her: 2 and 4), bob up to 7 (of the odd ones: 1 to 7).
    for (const cached of [true, false]) {
      const { ports } = setting({ marks: [4, 7], cached });
      for (const reader of [alice, bob]) {
        const other = reader === alice ? bob : alice;
        const page = await readHistory(ports, reader, other, query({ limit: 10, after: 0 }));
        expect(seqs(page.messages.filter((message) => message.isRead))).to.deep.equal([1, 2, 3, 4, 5, 7]);
      }
    }
  });

  it('reads from Postgres only when the cache lacks a part of the page', async () => {
    const hit = setting({ cached: true });
    expect(seqs((await readHistory(hit.ports, alice, bob, query())).messages)).to.deep.equal([10, 9, 8]);
    expect(hit.reads).to.deep.equal({ recent: [[8, 10]], history: [] });
    const miss = setting({ cached: false });
    expect(seqs((await readHistory(miss.ports, alice, bob, query())).messages)).to.deep.equal([10, 9, 8]);
    expect(miss.reads).to.deep.equal({ recent: [[8, 10]], history: [[8, 10]] });
  });

  it('reads from Postgres when the cache fails', async () => {
    const { ports, reads } = setting({ cached: 'broken' });
    expect(seqs((await readHistory(ports, alice, bob, query({ after: 2 }))).messages)).to.deep.equal([3, 4, 5]);
    expect(reads.history).to.deep.equal([[3, 5]]);
  });

  it('reads nothing for an empty page', async () => {
    const { ports, reads } = setting();
    await readHistory(ports, alice, bob, query({ after: 10 }));
    await readHistory(ports, alice, bob, query({ before: 1 }));
    expect(reads).to.deep.equal({ recent: [], history: [] });
  });

  describe('with markAsRead', () => {
    const marksAfter = async (parts: Partial<HistoryQuery>, marks = [0, 0]) => {
      const { ports, submitted } = setting({ marks });
      await readHistory(ports, alice, bob, query({ markAsRead: 'true', ...parts }));
      return submitted.map((entry) => entry.kind === 'read' && [entry.userId, entry.upToSeq]);
    };

    it('moves the mark of the reader to the newest message of the page', async () => {
      expect(await marksAfter({})).to.deep.equal([[alice, 10]]);
      expect(await marksAfter({ before: 8 })).to.deep.equal([[alice, 7]]);
      expect(await marksAfter({ after: 4 })).to.deep.equal([[alice, 7]]);
    });

    it('shows the state after it: everything that it marked is read, nothing else', async () => {
      // Even messages are to alice. Her mark moves from 2 to the end of the page; that of bob is 3.
      const { ports } = setting({ marks: [2, 3] });
      const page = await readHistory(ports, alice, bob, query({ markAsRead: 'true', limit: 7, after: 0 }));
      expect(seqs(page.messages.filter((message) => message.isRead))).to.deep.equal([1, 2, 3, 4, 6]);
    });

    it('moves nothing when the mark is there or further, whatever the mark of the other user', async () => {
      expect(await marksAfter({}, [10, 0])).to.deep.equal([]);
      expect(await marksAfter({ after: 4 }, [8, 0])).to.deep.equal([]);
      expect(await marksAfter({ after: 4 }, [6, 10])).to.deep.equal([[alice, 7]]);
    });

    it('moves nothing for an empty page', async () => {
      expect(await marksAfter({ before: 1 })).to.deep.equal([]);
      expect(await marksAfter({ after: 10 })).to.deep.equal([]);
      expect(await marksAfter({ after: 99 })).to.deep.equal([]);
    });

    it('fails as a whole when the mark cannot be stored', async () => {
      const { ports } = setting();
      const inbox = { submit: () => Promise.reject(new Error('no lane')) };
      const page = readHistory({ ...ports, inbox }, alice, bob, query({ markAsRead: 'true' }));
      expect(await page.catch((error: Error) => error.message)).to.equal('no lane');
    });

    it('is not the default', async () => {
      expect(await marksAfter({ markAsRead: 'false' })).to.deep.equal([]);
    });
  });
});
