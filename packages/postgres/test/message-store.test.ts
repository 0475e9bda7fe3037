import { randomUUID } from 'node:crypto';
import type { ClientMessageId, ConversationId, SendEntry, UserId } from '@chat-cluster/contracts';
import {
  type ConversationWrites,
  type MessageStore,
  newConversationId,
  newMessageId,
  storeBatch,
} from '@chat-cluster/domain';
import {
  createConversationStore,
  createConversationWrites,
  createMessageStore,
  createUnreadCounts,
} from '@chat-cluster/postgres';
import { freshDatabase, GROUP_RULES } from '@chat-cluster/testkit';
import { expect } from 'chai';

describe('message store on Postgres', () => storeSuite(() => {}));

describe('message store on Postgres after a resend', () =>
  storeSuite(async (store, twice) => {
    await store.storeSends([twice]);
    await store.storeSends([twice]);
  }));

function storeSuite(prepare: (store: MessageStore, send: SendEntry) => Promise<void> | void): void {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let store: MessageStore;
  let writes: ConversationWrites;

  before(async () => {
    database = await freshDatabase();
  });
  beforeEach(async () => {
    store = createMessageStore(database.db);
    writes = createConversationWrites(database.db, GROUP_RULES);
    const { id, a, b } = await pair();
    await prepare(store, send(id, a, b, 'twice'));
  });
  after(() => database.drop());

  const [alice, bob] = ['alice' as UserId, 'bob' as UserId];

  async function newPair(a = alice, b = bob): Promise<ConversationId> {
    const { conversation } = await createConversationStore(database.db).open(newConversationId(), a, b);
    return conversation.id;
  }

  async function pair(): Promise<{ id: ConversationId; a: UserId; b: UserId }> {
    const [a, b] = [`a-${randomUUID()}` as UserId, `b-${randomUUID()}` as UserId];
    return { id: await newPair(a, b), a, b };
  }

  function send(
    conversationId: ConversationId,
    senderId: UserId,
    receiverId: UserId,
    content: string,
    key?: string,
  ): SendEntry {
    const id = newMessageId();
    const clientMessageId = (key ?? id) as ClientMessageId;
    return { kind: 'send', id, conversationId, senderId, receiverId, clientMessageId, content, attachments: [] };
  }

  async function unread(user: UserId): Promise<number | undefined> {
    return (await createUnreadCounts(database.db).summaries([user]))[0]?.count;
  }

  it('gives each conversation a dense seq in the order of the batch', async () => {
    const [one, two] = [await pair(), await pair()];
    const batch = [
      send(one.id, one.a, one.b, '1'),
      send(two.id, two.b, two.a, '1'),
      send(one.id, one.b, one.a, '2'),
      send(one.id, one.a, one.b, '3'),
    ];
    const rows = await store.storeSends(batch);
    expect(rows.map((row) => row?.seq)).to.deep.equal([1, 1, 2, 3]);
    expect(rows.map((row) => row?.id)).to.deep.equal(batch.map((entry) => entry.id));
    const [next] = await store.storeSends([send(one.id, one.b, one.a, '4')]);
    expect(next?.seq).to.equal(4);
    expect(await unread(one.a)).to.equal(2);
    expect(await unread(one.b)).to.equal(2);
    expect(await unread(two.a)).to.equal(1);
  });

  it('returns the first message for a resend, and stores nothing', async () => {
    const { id, a, b } = await pair();
    const attachments = [{ url: 'https://files.example.com/a.png', type: 'IMAGE' as const }];
    const [first] = await store.storeSends([{ ...send(id, a, b, 'first', 'key'), attachments }]);
    const [again, other] = await store.storeSends([
      send(id, a, b, 'second', 'key'),
      send(id, b, a, 'own key space', 'key'),
    ]);
    expect(again).to.deep.include({ id: first?.id, seq: 1, earlier: { content: 'first', attachments } });
    expect(other).to.include({ seq: 2 });
    expect(await unread(b)).to.equal(1);
  });

  it('stores nothing for a conversation that does not exist', async () => {
    const { id, a, b } = await pair();
    const rows = await store.storeSends([send(newConversationId(), a, b, 'lost'), send(id, a, b, 'kept')]);
    expect(rows[0]).to.equal(undefined);
    expect(rows[1]?.seq).to.equal(1);
  });

  it('keeps any valid text unchanged', async () => {
    const { id, a, b } = await pair();
    const texts = ['"quotes" and \\ backslashes', '{a,b}', 'NULL', '', '😀 汉字', "'; drop table messages; --", '\n\t'];
    await store.storeSends(texts.map((text) => send(id, a, b, text)));
    const rows = await database.db
      .selectFrom('messages')
      .select('content')
      .where('conversation_id', '=', id)
      .orderBy('seq')
      .execute();
    expect(rows.map((row) => row.content)).to.deep.equal(texts);
  });

  it('moves read marks forward only, never past the end, and recounts', async () => {
    const { id, a, b } = await pair();
    await store.storeSends([1, 2, 3, 4].map((n) => send(id, a, b, String(n))));
    await store.storeSends([send(id, b, a, 'own messages are never unread')]);
    const mark = async (upToSeq: number | null) =>
      (await store.markRead([{ conversationId: id, userId: b, upToSeq }]))[0];
    expect(await mark(2)).to.include({ upToSeq: 2, advanced: true, unreadCount: 2 });
    expect(await mark(1)).to.include({ upToSeq: 2, advanced: false, unreadCount: 2 });
    expect(await mark(99)).to.include({ upToSeq: 5, advanced: true, unreadCount: 0 });
    expect(await mark(null)).to.include({ upToSeq: 5, advanced: false, unreadCount: 0 });
    const [stranger] = await store.markRead([{ conversationId: id, userId: 'mallory' as UserId, upToSeq: null }]);
    expect(stranger).to.equal(undefined);
  });

  it('counts all marks of a batch in the total of a user', async () => {
    const reader = `reader-${randomUUID()}` as UserId;
    const others = ['x', 'y', 'z'].map((name) => `${name}-${randomUUID()}` as UserId);
    const ids = await Promise.all(others.map((other) => newPair(reader, other)));
    await store.storeSends(ids.flatMap((id, i) => [0, 1].map((n) => send(id, others[i] as UserId, reader, String(n)))));
    const marks = ids.slice(0, 2).map((conversationId) => ({ conversationId, userId: reader, upToSeq: 1 }));
    const moved = await store.markRead(marks);
    expect(moved.map((mark) => mark?.unreadCount)).to.deep.equal([4, 4]);
    expect(await unread(reader)).to.equal(4);
  });

  it('stores a mixed batch with the same effect as one by one', async () => {
    const { id, a, b } = await pair();
    const readAll = { kind: 'read' as const, conversationId: id, userId: b, otherUserId: a, upToSeq: null };
    const outcome = await storeBatch({ store, writes }, [
      send(id, a, b, '1'),
      send(id, a, b, '2'),
      readAll,
      send(id, a, b, '3'),
    ]);
    expect(outcome.results[2]).to.deep.equal({ kind: 'read', upToSeq: 2, unreadCount: 1 });
    expect(outcome.receipts.map(({ receipt }) => receipt.upToSeq)).to.deep.equal([2]);
    expect(await unread(b)).to.equal(1);
  });

  it('returns the same results and messages when a batch runs again', async () => {
    const { id, a, b } = await pair();
    const readAll = { kind: 'read' as const, conversationId: id, userId: b, otherUserId: a, upToSeq: null };
    const batch = [send(id, a, b, '1'), readAll, send(id, a, b, '2', 'k'), send(id, a, b, 'twin', 'k')];
    const first = await storeBatch({ store, writes }, batch);
    const again = await storeBatch({ store, writes }, batch);
    expect(again.results).to.deep.equal(first.results);
    expect(again.messages).to.deep.equal(first.messages);
    expect(first.results.map((result) => result.kind)).to.deep.equal(['stored', 'read', 'stored', 'duplicate']);
    expect(await unread(b)).to.equal(1);
  });

  it('creates one conversation per pair under concurrent calls of both users', async () => {
    const conversations = createConversationStore(database.db);
    const [a, b] = [`ü-${randomUUID()}` as UserId, `Z-${randomUUID()}` as UserId];
    const all = await Promise.all(
      Array.from({ length: 12 }, (_, i) => conversations.open(newConversationId(), i % 2 ? a : b, i % 2 ? b : a)),
    );
    expect(new Set(all.map(({ conversation }) => conversation.id)).size).to.equal(1);
    expect(all.filter(({ created }) => created)).to.have.length(1);
    const [participants] = await conversations.participantsOf([all[0]?.conversation.id as ConversationId]);
    expect([...(participants?.userIds ?? [])].sort()).to.deep.equal([a, b].sort());
  });

  it('stores each message once when runs of one batch overlap', async () => {
    const { id, a, b } = await pair();
    for (let round = 0; round < 20; round++) {
      const batch = [send(id, a, b, `x${round}`), send(id, a, b, `y${round}`)];
      const runs = await Promise.allSettled([store.storeSends(batch), store.storeSends(batch)]);
      expect(runs.some((run) => run.status === 'fulfilled')).to.equal(true);
    }
    const rows = await database.db
      .selectFrom('messages')
      .select('seq')
      .where('conversation_id', '=', id)
      .orderBy('seq')
      .execute();
    expect(rows.map((row) => row.seq)).to.deep.equal(Array.from({ length: 40 }, (_, i) => i + 1));
    expect(await unread(b)).to.equal(40);
  });

  it('stores the rest of a batch that contains a resend, and the next batches', async () => {
    const { id, a, b } = await pair();
    const [first, again] = [send(id, a, b, '1'), send(id, a, b, '2')];
    await store.storeSends([first]);
    const rows = await store.storeSends([{ ...first, id: newMessageId() }, again]);
    expect(rows.map((row) => row?.seq)).to.deep.equal([1, 2]);
    const [next] = await store.storeSends([send(id, b, a, '3')]);
    expect(next?.seq).to.equal(3);
    expect(await unread(b)).to.equal(2);
  });

  it('does not count messages to oneself', async () => {
    const user = `self-${randomUUID()}` as UserId;
    const id = await newPair(user, user);
    const [row] = await store.storeSends([send(id, user, user, 'a note')]);
    expect(row?.seq).to.equal(1);
    expect(await unread(user)).to.equal(0);
  });
}
