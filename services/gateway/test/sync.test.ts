import { LIMITS, type SyncAck } from '@chat-cluster/contracts';
import {
  api,
  connect,
  connectElsewhere,
  eventually,
  newUser,
  openConversation,
  startTestCluster,
  type TestClient,
  type TestCluster,
} from '@chat-cluster/testkit';
import { expect } from 'chai';

describe('sync over a socket', () => {
  let cluster: TestCluster;
  const clients: TestClient[] = [];

  before(async () => {
    cluster = await startTestCluster();
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });
  after(() => cluster.stop());

  const device = async (user: string) => {
    const client = await connect(cluster, user);
    clients.push(client);
    return client;
  };
  const synced = async (client: TestClient, payload: unknown): Promise<SyncAck> => {
    const ack = await client.socket.timeout(10_000).emitWithAck('sync', payload as never);
    if (!ack.ok) throw new Error(JSON.stringify(ack));
    return ack;
  };

  it('returns missed messages, read marks and the badge after a reconnect to another gateway', async () => {
    const [a, b] = [newUser('a'), newUser('b')];
    const id = await openConversation(cluster, a, b);
    const alice = await device(a);
    const bob = await device(b);
    for (const content of ['1', '2']) await alice.send({ conversationId: id, content });
    await eventually(() => expect(bob.messages).to.have.length(2));
    bob.close();
    for (const content of ['3', '4', '5']) await alice.send({ conversationId: id, content });
    await alice.read({ conversationId: id });
    const again = await connectElsewhere(cluster, b, bob.session.gatewayId);
    clients.push(again);
    const answer = await synced(again, { conversations: [{ id, afterSeq: 2 }] });
    const [conversation] = answer.conversations;
    expect(conversation?.messages.map(({ seq, content }) => [seq, content])).to.deep.equal([
      [3, '3'],
      [4, '4'],
      [5, '5'],
    ]);
    expect(conversation).to.include({ id, lastSeq: 5, hasMore: false });
    expect(conversation?.readMarks.map(({ userId, upToSeq }) => [userId, upToSeq])).to.have.deep.members([
      [a, 5],
      [b, 0],
    ]);
    expect(answer.unread).to.deep.equal({ count: 5, conversations: [{ conversationId: id, count: 5 }] });
    expect(answer.hasMore).to.equal(false);
  });

  it('returns messages that the cache does not hold from Postgres, in pages, like REST', async () => {
    const [a, b] = [newUser('a'), newUser('b')];
    const id = await openConversation(cluster, a, b);
    const alice = await device(a);
    await Promise.all(
      Array.from({ length: 130 }, (_, i) => alice.send({ conversationId: id, content: String(i + 1) })),
    );
    const bob = await device(b);
    const seqs: number[] = [];
    let pages = 0;
    for (let more = true; more; pages++) {
      const answer = await synced(bob, { conversations: [{ id, afterSeq: seqs.at(-1) ?? 0 }], limit: 60 });
      seqs.push(...(answer.conversations[0]?.messages ?? []).map(({ seq }) => seq));
      more = answer.hasMore;
    }
    expect([pages, seqs]).to.deep.equal([3, Array.from({ length: 130 }, (_, i) => i + 1)]);
    const { body } = await api<{ messages: { seq: number }[]; nextCursor: number }>(
      cluster,
      b,
      'GET',
      `/api/messages/with/${a}?after=60&limit=60`,
    );
    expect(body.messages.map(({ seq }) => seq)).to.deep.equal(seqs.slice(60, 120));
  });

  it('returns the conversations with unread messages to a new device', async () => {
    const [a, b, c] = [newUser('a'), newUser('b'), newUser('c')];
    const [withA, withC] = [await openConversation(cluster, a, b), await openConversation(cluster, c, b)];
    const [alice, carol] = [await device(a), await device(c)];
    await alice.send({ conversationId: withA, content: 'hi' });
    for (const content of ['1', '2']) await carol.send({ conversationId: withC, content });
    const answer = await synced(await device(b), { conversations: [] });
    expect(answer.unread).to.deep.equal({
      count: 3,
      conversations: [
        { conversationId: withC, count: 2 },
        { conversationId: withA, count: 1 },
      ],
    });
  });

  it('returns the feed of a user with more conversations than one page, in pages', async () => {
    const a = newUser('a');
    const alice = await device(a);
    let since = (await synced(alice, { conversations: [], since: 'now' })).feed?.since;
    const others = Array.from({ length: LIMITS.syncFeed + 1 }, (_, i) => newUser(`b${i}`));
    const ids = await Promise.all(others.map((b) => openConversation(cluster, a, b)));
    const pages: string[][] = [];
    for (let more = true; more; ) {
      const { feed } = await synced(alice, { conversations: [], since });
      pages.push((feed?.conversations ?? []).map(({ id }) => id));
      since = feed?.since;
      more = feed?.hasMore === true;
    }
    expect(pages.map(({ length }) => length)).to.deep.equal([LIMITS.syncFeed, 1]);
    expect(pages.flat()).to.have.members(ids);
  });

  it('returns notFound to a user who is not a participant', async () => {
    const [a, b] = [newUser('a'), newUser('b')];
    const id = await openConversation(cluster, a, b);
    const alice = await device(a);
    await alice.send({ conversationId: id, content: 'secret' });
    const eve = await device(newUser('eve'));
    expect(await synced(eve, { conversations: [{ id, afterSeq: 0 }] })).to.deep.equal({
      ok: true,
      epoch: eve.session.epoch,
      conversations: [],
      notFound: [id],
      hasMore: false,
      unread: { count: 0, conversations: [] },
    });
  });

  it('rejects a payload that is too large or invalid', async () => {
    const alice = await device(newUser('a'));
    const entry = { id: '01926b3a-7c11-7d3e-9f52-0a4c1f6f2b10', afterSeq: 0 };
    for (const payload of [
      undefined,
      {},
      { conversations: Array(101).fill(entry) },
      { conversations: [entry], limit: 501 },
      { conversations: [{ ...entry, afterSeq: -1 }] },
      { conversations: [{ ...entry, id: 'x' }] },
    ]) {
      const ack = await alice.socket.timeout(10_000).emitWithAck('sync', payload as never);
      expect(ack).to.have.nested.property('error.code', 'VALIDATION_FAILED');
    }
  });

  it('answers one sync at a time, and rejects an endless series', async () => {
    const [a, b] = [newUser('a'), newUser('b')];
    const id = await openConversation(cluster, a, b);
    const alice = await device(a);
    const send = () =>
      alice.socket.timeout(10_000).emitWithAck('sync', { conversations: [{ id, afterSeq: 0 }] } as never) as Promise<
        { ok: true } | { ok: false; error: { code: string; retryAfterMs: number } }
      >;
    const answers = await Promise.all(Array.from({ length: 200 }, send));
    const refused = answers.filter((answer) => !answer.ok);
    expect(answers.filter((answer) => answer.ok).length).to.be.at.least(10);
    expect(refused.length).to.be.greaterThan(0);
    for (const answer of refused) expect(answer).to.deep.nested.include({ 'error.code': 'RATE_LIMITED' });
    expect(await send()).to.have.property('ok', true);
  });

  it('leaves no gap between its answer and the events while messages arrive', async () => {
    const [a, b] = [newUser('a'), newUser('b')];
    const id = await openConversation(cluster, a, b);
    const alice = await device(a);
    const sending = Promise.all(
      Array.from({ length: 300 }, (_, i) => alice.send({ conversationId: id, content: String(i) })),
    );
    for (let round = 0; round < 5; round++) {
      const bob = await device(b);
      const answer = await synced(bob, { conversations: [{ id, afterSeq: 0 }], limit: 500 });
      const held = new Set(answer.conversations[0]?.messages.map(({ seq }) => seq));
      await sending;
      await eventually(() => {
        for (const { seq } of bob.messages) held.add(seq);
        expect(held.size).to.equal(300);
      });
      await eventually(() => expect(bob.badges.at(-1)?.count).to.equal(300));
    }
  });
});
