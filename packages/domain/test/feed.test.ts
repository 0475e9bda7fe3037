import { type ConversationId, LIMITS, type Message, type StoreEpoch, type SyncFeed } from '@chat-cluster/contracts';
import { type FeedSlice, type History, newConversationId, readFeed } from '@chat-cluster/domain';
import { expect } from 'chai';
import fc from 'fast-check';
import { rejectionOf } from './ports.ts';
import { newUsers } from './world.ts';

const { alice, bob } = newUsers('alice', 'bob');
const EPOCH = '5b0f4a52-6f0e-4d43-9f0a-0d9f4b1d7c11' as StoreEpoch;
const RENEWED = '7c0f4a52-6f0e-4d43-9f0a-0d9f4b1d7c22' as StoreEpoch;
const START = Date.parse('2026-01-01T12:00:00.000Z');

interface Talk {
  id: ConversationId;
  activityAt: number;
  lastSeq: number;
}

/** A history with these conversations of alice and bob, whose last messages have texts of `length` characters. */
function storeOf(talks: readonly Talk[], { now = START, length = 5 } = {}) {
  const store = { now, reads: [] as (Parameters<History['feed']>[1] | 'nothing')[] };
  const entryOf = ({ id, activityAt, lastSeq }: Talk): FeedSlice['entries'][number] => ({
    activityAt,
    conversation: {
      id,
      otherUserId: bob,
      lastMessage: {
        conversationId: id,
        seq: lastSeq,
        content: 'x'.repeat(length),
        attachments: [],
      } as never as Message,
      unreadCount: 0,
      lastSeq,
      updatedAt: new Date(activityAt).toISOString(),
      readMarks: [],
    },
  });
  const history: Pick<History, 'feed'> = {
    async feed(_userId, after, limit) {
      store.reads.push(after ?? 'nothing');
      const listed = after ? talks.filter((talk) => isAfter(talk, after)) : [];
      const inOrder = listed.toSorted((a, b) => a.activityAt - b.activityAt || (a.id < b.id ? -1 : 1));
      return { readAt: store.now, entries: inOrder.slice(0, limit).map(entryOf) };
    },
  };
  return { store, feed: (since: string, epoch = EPOCH) => readFeed(history, alice, since, epoch) };
}

function isAfter(talk: Talk, after: { activityAt: number; id: ConversationId }): boolean {
  return talk.activityAt > after.activityAt || (talk.activityAt === after.activityAt && talk.id > after.id);
}

/** Conversations with activity every `everyMs` from the time START on. */
function talks(count: number, everyMs = 1): Talk[] {
  return Array.from({ length: count }, (_, i) => ({
    id: newConversationId(),
    activityAt: START + i * everyMs,
    lastSeq: 1,
  }));
}

/** All pages from `since` on. */
async function walk(feed: (since: string) => Promise<SyncFeed>, since: string): Promise<SyncFeed[]> {
  const pages = [await feed(since)];
  for (let last = pages[0]; last?.hasMore; last = pages.at(-1)) pages.push(await feed(last.since));
  return pages;
}

const idsOf = (pages: readonly SyncFeed[]) => pages.flatMap((page) => page.conversations.map(({ id }) => id));

describe('the feed of a user', () => {
  it('begins with a since and no conversations, which are not read', async () => {
    const { store, feed } = storeOf(talks(3));
    const first = await feed('now');
    expect(first).to.deep.equal({ conversations: [], since: first.since, hasMore: false });
    expect(store.reads).to.deep.equal(['nothing']);
  });

  it('returns conversations in pages, also when all have activity at the same time', async () => {
    for (const everyMs of [0, 1_000]) {
      const all = talks(2 * LIMITS.syncFeed + 1, everyMs);
      const { feed } = storeOf(all);
      const pages = await walk(feed, (await feed('now')).since);
      expect(pages.map(({ conversations }) => conversations.length)).to.deep.equal([100, 100, 1]);
      const inOrder = all.map(({ id }) => id);
      expect(idsOf(pages)).to.deep.equal(everyMs === 0 ? inOrder.sort() : inOrder);
    }
  });

  it('ends with a page that is full', async () => {
    const { feed } = storeOf(talks(LIMITS.syncFeed));
    const pages = await walk(feed, (await feed('now')).since);
    expect(pages.map(({ conversations, hasMore }) => [conversations.length, hasMore])).to.deep.equal([[100, false]]);
  });

  it('repeats what was read up to a minute ago, and nothing older', async () => {
    const [old, recent] = talks(2) as [Talk, Talk];
    const { store, feed } = storeOf([old, recent], { now: START + 120_000 });
    old.activityAt = store.now - 60_001;
    recent.activityAt = store.now - 60_000;
    const { since } = await feed('now');
    expect(idsOf([await feed(since)])).to.deep.equal([recent.id]);
  });

  it('misses no change that is committed late, or during a walk that takes minutes', async () => {
    const change = fc.record({ talk: fc.nat(229), lateMs: fc.nat(20_000) });
    const step = fc.record({
      changes: fc.array(change, { maxLength: 3 }),
      passesMs: fc.oneof(fc.nat(1_000), fc.nat(300_000)),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const all = talks(230);
        const { store, feed } = storeOf(all, { now: START + 1_000 });
        const held = new Map(all.map(({ id }) => [id, 0]));
        let since = (await feed('now')).since;
        const take = async () => {
          const page = await feed(since);
          for (const { id, lastSeq } of page.conversations) held.set(id, lastSeq);
          since = page.since;
          return page.hasMore;
        };
        for (const { changes, passesMs } of steps) {
          await take();
          store.now += passesMs;
          for (const { talk, lateMs } of changes) {
            const changed = all[talk] as Talk;
            changed.lastSeq++;
            changed.activityAt = store.now - lateMs;
          }
        }
        // The walk under way, and the next one.
        for (let walks = 0; walks < 2; ) if (!(await take())) walks++;
        expect([...held.values()]).to.deep.equal(all.map(({ lastSeq }) => lastSeq));
      }),
      { numRuns: 200 },
    );
  });

  it('bounds the text of a page, but returns at least one conversation', async () => {
    for (const [length, perPage] of [
      [10_000, 12],
      [600_000, 1],
    ] as const) {
      const all = talks(perPage + 1);
      const { feed } = storeOf(all, { length });
      const pages = await walk(feed, (await feed('now')).since);
      expect(pages.map(({ conversations }) => conversations.length)).to.deep.equal([perPage, 1]);
      expect(idsOf(pages)).to.deep.equal(all.map(({ id }) => id));
    }
  });

  it('begins anew with reset when since belongs to another epoch, also within a walk', async () => {
    const { store, feed } = storeOf(talks(LIMITS.syncFeed + 1));
    const { since } = await feed('now');
    for (const old of [since, (await feed(since)).since]) {
      store.reads = [];
      const anew = await feed(old, RENEWED);
      expect(anew).to.deep.equal({ conversations: [], since: anew.since, hasMore: false, reset: true });
      expect(store.reads).to.deep.equal(['nothing']);
      expect(await feed(anew.since, RENEWED)).to.not.have.property('reset');
    }
  });

  it('rejects a since that no feed returned, without a read', async () => {
    const { store, feed } = storeOf([]);
    const encoded = (text: string) => Buffer.from(text).toString('base64url');
    for (const since of [
      'Now',
      'yesterday',
      ' ',
      '2026-01-01T12:00:00.000Z',
      encoded(EPOCH),
      encoded(`${EPOCH}.soon`),
      encoded(`${EPOCH}.123456789012345`),
      encoded(`${EPOCH}.1.2`),
      encoded(`${'-'.repeat(36)}.1`),
      encoded(`${EPOCH}.1.${'-'.repeat(36)}.1`),
      encoded(`${EPOCH}.1.${newConversationId()}`),
      encoded(`${EPOCH}.1.${newConversationId()}.1.`),
    ]) {
      const error = await rejectionOf(feed(since));
      expect(error, since).to.have.nested.property('payload.code', 'VALIDATION_FAILED');
      expect(error)
        .to.have.property('message')
        .that.matches(/^since: send the `since` of the feed of an earlier ack/);
    }
    expect(store.reads).to.deep.equal([]);
  });

  it('fits its longest since into the bound of the protocol', async () => {
    const { feed } = storeOf(talks(LIMITS.syncFeed + 1));
    const { since } = await feed((await feed('now')).since);
    expect(since.length).to.be.at.most(LIMITS.feedSinceLength);
  });
});
