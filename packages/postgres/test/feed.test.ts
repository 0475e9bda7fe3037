import { randomUUID } from 'node:crypto';
import type { ClientMessageId, ConversationId, SendEntry, StoreEpoch, UserId } from '@chat-cluster/contracts';
import { type FeedPosition, type History, newConversationId, newMessageId, readFeed } from '@chat-cluster/domain';
import { createConversationStore, createHistory, createMessageStore } from '@chat-cluster/postgres';
import { freshDatabase } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { sql } from 'kysely';

const EPOCH = '5b0f4a52-6f0e-4d43-9f0a-0d9f4b1d7c11' as StoreEpoch;
const FIRST = '00000000-0000-0000-0000-000000000000' as ConversationId;
const HOUR_MS = 3_600_000;

describe('the feed from Postgres', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;

  before(async () => {
    database = await freshDatabase();
  });
  after(() => database.drop());

  const newUser = (name: string) => `${name}-${randomUUID()}` as UserId;
  const store = () => createMessageStore(database.db);

  async function open(a: UserId, b: UserId): Promise<ConversationId> {
    return (await createConversationStore(database.db).open(newConversationId(), a, b)).conversation.id;
  }

  function send(conversationId: ConversationId, senderId: UserId, receiverId: UserId): SendEntry {
    const id = newMessageId();
    const clientMessageId = id as string as ClientMessageId;
    return { kind: 'send', id, conversationId, senderId, receiverId, clientMessageId, content: 'hi', attachments: [] };
  }

  const feed: History['feed'] = async (userId, after, limit) => {
    const [slice] = await createHistory(database.db).feeds([{ userId, after, limit }]);
    if (!slice) throw new Error('no result');
    return slice;
  };

  async function listed(userId: UserId, after: FeedPosition, limit = 100): Promise<ConversationId[]> {
    return (await feed(userId, after, limit)).entries.map(({ conversation }) => conversation.id);
  }

  const readNow = async (userId: UserId) => (await feed(userId, undefined, 100)).readAt;
  const at = (activityAt: number, id = FIRST): FeedPosition => ({ activityAt, id });

  /** Moves all activity so far in conversations of the user into the past, and resolves with a time after it. */
  async function settle(userId: UserId): Promise<number> {
    await sql`update conversations set updated_at = updated_at - interval '1 hour'
      where id in (select conversation_id from participants where user_id = ${userId})`.execute(database.db);
    await sql`update participants set read_at = read_at - interval '1 hour'
      where conversation_id in (select conversation_id from participants where user_id = ${userId})`.execute(
      database.db,
    );
    return (await readNow(userId)) - HOUR_MS / 2;
  }

  it('has a conversation after each kind of activity, and no other one', async () => {
    const [alice, bob] = [newUser('alice'), newUser('bob')];
    const id = await open(alice, bob);
    await open(alice, newUser('quiet'));
    let since = await settle(alice);
    const kinds: Record<string, () => Promise<unknown>> = {
      'a message of the user': () => store().storeSends([send(id, alice, bob)]),
      'a message to the user': () => store().storeSends([send(id, bob, alice)]),
      'the mark of the user': () => store().markRead([{ conversationId: id, userId: alice, upToSeq: null }]),
      'the mark of the other': () => store().markRead([{ conversationId: id, userId: bob, upToSeq: 1 }]),
    };
    expect(await listed(alice, at(since))).to.deep.equal([]);
    for (const [kind, act] of Object.entries(kinds)) {
      await act();
      expect(await listed(alice, at(since)), kind).to.deep.equal([id]);
      expect(await listed(bob, at(since)), kind).to.deep.equal([id]);
      since = await settle(alice);
    }
    await store().markRead([{ conversationId: id, userId: bob, upToSeq: 1 }]);
    expect(await listed(alice, at(since)), 'a mark that did not move').to.deep.equal([]);
  });

  it('has a conversation that was opened and read on another device, with its state', async () => {
    const [alice, bob] = [newUser('alice'), newUser('bob')];
    const since = await readNow(alice);
    const id = await open(alice, bob);
    const [opened] = (await feed(alice, at(since), 100)).entries;
    expect(opened?.conversation).to.deep.include({ id, lastMessage: null, unreadCount: 0, lastSeq: 0 });
    expect(opened?.activityAt).to.equal(Date.parse(opened?.conversation.updatedAt ?? ''));
    await store().storeSends([send(id, bob, alice), send(id, bob, alice)]);
    const [written] = (await feed(alice, at(since), 100)).entries;
    expect(written?.conversation).to.deep.include({ unreadCount: 2, lastSeq: 2 });
    await store().markRead([{ conversationId: id, userId: alice, upToSeq: null }]);

    const { entries } = await feed(alice, at(since), 100);
    const [read] = entries;
    expect(entries).to.have.length(1);
    expect(read?.conversation).to.deep.include({ id, otherUserId: bob, unreadCount: 0, lastSeq: 2 });
    expect(read?.conversation.lastMessage).to.include({ seq: 2, senderId: bob, receiverId: alice, isRead: true });
    const readAt = read?.conversation.readMarks[0]?.readAt;
    expect(read?.conversation.readMarks).to.deep.equal([
      { userId: alice, upToSeq: 2, readAt },
      { userId: bob, upToSeq: 0, readAt: null },
    ]);
    expect(read?.activityAt).to.equal(Date.parse(readAt ?? ''));
  });

  it('has notes to oneself once, with one read mark', async () => {
    const alice = newUser('alice');
    const id = await open(alice, alice);
    await store().storeSends([send(id, alice, alice)]);
    const { entries } = await feed(alice, at(0), 100);
    expect(entries.map(({ conversation }) => conversation)).to.have.length(1);
    expect(entries[0]?.conversation).to.deep.include({
      id,
      otherUserId: alice,
      readMarks: [{ userId: alice, upToSeq: 0, readAt: null }],
    });
  });

  it('never has conversations of other users', async () => {
    const [alice, bob, eve] = [newUser('alice'), newUser('bob'), newUser('eve')];
    const id = await open(alice, bob);
    await store().storeSends([send(id, alice, bob)]);
    expect(await listed(eve, at(0))).to.deep.equal([]);
    const own = await open(eve, bob);
    expect(await listed(eve, at(0))).to.deep.equal([own]);
    expect(await listed(eve, at(0, id))).to.deep.equal([own]);
  });

  it('is in order of activity, and pages through conversations of one time', async () => {
    const alice = newUser('alice');
    const same: ConversationId[] = [];
    for (let n = 0; n < 5; n++) same.push(await open(alice, newUser('other')));
    await settle(alice);
    await sql`update conversations set updated_at = '2026-01-01T12:00:00.123Z' where id = any(${same}::uuid[])`.execute(
      database.db,
    );
    const latest = await open(alice, newUser('other'));
    const pages: ConversationId[][] = [];
    for (let after = at(0); ; ) {
      const { entries } = await feed(alice, after, 2);
      const last = entries.at(-1);
      if (!last) break;
      pages.push(entries.map(({ conversation }) => conversation.id));
      after = at(last.activityAt, last.conversation.id);
    }
    expect(pages.map((page) => page.length)).to.deep.equal([2, 2, 2]);
    expect(pages.flat()).to.deep.equal([...same.sort(), latest]);
  });

  it('of several users is one query, with the time of Postgres also for those without a conversation', async () => {
    const [alice, bob, newcomer] = [newUser('alice'), newUser('bob'), newUser('newcomer')];
    const id = await open(alice, bob);
    const slices = await createHistory(database.db).feeds([
      { userId: alice, after: at(0), limit: 10 },
      { userId: newcomer, after: at(0), limit: 10 },
      { userId: bob, after: undefined, limit: 10 },
      { userId: bob, after: at(0), limit: 10 },
    ]);
    const { rows } = await sql<{ now: Date }>`select now() as now`.execute(database.db);
    for (const { readAt } of slices) expect((rows[0]?.now.getTime() ?? 0) - readAt).to.be.within(0, HOUR_MS);
    expect(slices.map(({ entries }) => entries.map(({ conversation }) => conversation.id))).to.deep.equal([
      [id],
      [],
      [],
      [id],
    ]);
    expect(slices.map(({ entries }) => entries[0]?.conversation.otherUserId)).to.deep.equal([
      bob,
      undefined,
      undefined,
      alice,
    ]);
  });

  it('does not miss a message whose transaction began before a feed and is committed after it', async () => {
    const [alice, bob] = [newUser('alice'), newUser('bob')];
    const id = await open(alice, bob);
    await settle(alice);
    const read = async (since: string) => {
      const { conversations, ...rest } = await readFeed({ feed }, alice, since, EPOCH);
      return { ...rest, ids: conversations.map((conversation) => conversation.id) };
    };
    const first = await read('now');
    const [stored, mayCommit] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const batch = store().atomically(async (tx) => {
      await tx.storeSends([send(id, bob, alice)]);
      stored.resolve();
      await mayCommit.promise;
    });
    await stored.promise;
    const during = await read(first.since);
    mayCommit.resolve();
    await batch;
    expect(during).to.deep.include({ ids: [], hasMore: false });
    expect((await read(during.since)).ids).to.deep.equal([id]);
  });
});
