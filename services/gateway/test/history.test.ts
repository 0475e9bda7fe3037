import type { ConversationsPage, HistoryPage, Problem } from '@chat-cluster/contracts';
import {
  api,
  connect,
  eventually,
  newUser,
  openConversation,
  startTestCluster,
  type TestCluster,
  tokenFor,
} from '@chat-cluster/testkit';
import { expect } from 'chai';

describe('REST on the cluster', () => {
  let cluster: TestCluster;

  before(async () => {
    cluster = await startTestCluster();
  });
  after(() => cluster.stop());

  const history = (user: string, other: string, query = '') =>
    api<HistoryPage>(cluster, user, 'GET', `/api/messages/with/${encodeURIComponent(other)}${query}`);
  const list = (user: string, query = '') =>
    api<ConversationsPage>(cluster, user, 'GET', `/api/messages/conversations${query}`);

  it('opens the conversation of two users once, from either side', async () => {
    const [a, b] = [newUser('Ä'), newUser('b')];
    const first = await api<{ id: string; participantIds: string[] }>(cluster, a, 'POST', '/api/conversations', {
      participantId: b,
    });
    expect(first.status).to.equal(201);
    expect(first.body.participantIds).to.have.members([a, b]);
    const again = await api<{ id: string }>(cluster, b, 'POST', '/api/conversations', { participantId: a });
    expect(again.status).to.equal(200);
    expect(again.body.id).to.equal(first.body.id);
  });

  it('pages through history in both directions, from cache and from Postgres', async () => {
    const [a, b] = [newUser('a'), newUser('b')];
    const conversationId = await openConversation(cluster, a, b);
    const alice = await connect(cluster, a);
    await Promise.all(Array.from({ length: 120 }, (_, i) => alice.send({ conversationId, content: `m${i + 1}` })));
    const seqs = (page: HistoryPage) => page.messages.map((message) => message.seq);
    const down = (from: number, to: number) => Array.from({ length: from - to + 1 }, (_, i) => from - i);

    const newest = (await history(b, a, '?limit=40')).body;
    expect(seqs(newest)).to.deep.equal(down(120, 81));
    expect(newest.messages[0]).to.deep.equal(alice.messages.at(-1));
    const next = (await history(b, a, `?limit=40&before=${newest.nextCursor}`)).body;
    expect(seqs(next)).to.deep.equal(down(80, 41));
    const last = (await history(b, a, `?limit=40&before=${next.nextCursor}`)).body;
    expect(seqs(last)).to.deep.equal(down(40, 1));
    expect(last.nextCursor).to.equal(null);

    const forward = (await history(b, a, '?after=95&limit=20')).body;
    expect(seqs(forward)).to.deep.equal(down(115, 96).reverse());
    const end = (await history(b, a, `?after=${forward.nextCursor}&limit=20`)).body;
    expect(seqs(end)).to.deep.equal([116, 117, 118, 119, 120]);
    expect(end.nextCursor).to.equal(null);
    alice.close();
  });

  it('derives isRead from the read mark of the receiver, and marks as read when asked', async () => {
    const [a, b] = [newUser('a'), newUser('b')];
    const conversationId = await openConversation(cluster, a, b);
    const [alice, bob] = [await connect(cluster, a), await connect(cluster, b)];
    for (const content of ['1', '2', '3']) await alice.send({ conversationId, content });
    await bob.read({ conversationId, upToSeq: 2 });
    const read = async () => (await history(a, b)).body.messages.map((message) => message.isRead);
    expect(await read()).to.deep.equal([false, true, true]);
    expect((await list(b)).body.conversations[0]).to.include({
      id: conversationId,
      otherUserId: a,
      unreadCount: 1,
      lastSeq: 3,
    });
    for (const method of ['HEAD', 'OPTIONS']) {
      const headers = { authorization: `Bearer ${tokenFor(cluster, b)}` };
      expect((await fetch(`${cluster.url}/api/messages/with/${a}?markAsRead=true`, { method, headers })).ok).to.equal(
        true,
      );
    }
    expect((await list(b)).body.conversations[0], 'safe methods mark nothing').to.include({ unreadCount: 1 });
    const marking = (await history(b, a, '?markAsRead=true')).body;
    expect(
      marking.messages.map((message) => message.isRead),
      'the state after it',
    ).to.deep.equal([true, true, true]);
    expect(await read()).to.deep.equal([true, true, true]);
    await eventually(() => {
      expect(alice.receipts.at(-1)).to.include({ userId: b, upToSeq: 3 });
      expect(bob.badges.at(-1)?.count).to.equal(0);
    });
    expect((await list(a)).body.conversations[0]?.lastMessage).to.include({ seq: 3, isRead: true });
    alice.close();
    bob.close();
  });

  it('lists conversations by newest activity, page by page', async () => {
    const me = newUser('me');
    const others = Array.from({ length: 7 }, (_, i) => newUser(`other${i}`));
    const client = await connect(cluster, me);
    const ids = new Map<string, string>();
    for (const other of others) ids.set(other, await openConversation(cluster, me, other));
    for (const other of [...others].reverse())
      await client.send({ conversationId: ids.get(other), content: `to ${other}` });
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: ConversationsPage = (await list(me, `?limit=3${cursor && `&cursor=${cursor}`}`)).body;
      seen.push(...page.conversations.map((conversation) => conversation.otherUserId ?? ''));
      cursor = page.nextCursor;
    }
    expect(seen).to.deep.equal(others);
    expect((await list(newUser('lonely'))).body).to.deep.include({ conversations: [], nextCursor: null });
    expect(
      (await api<Problem>(cluster, me, 'GET', '/api/messages/conversations?cursor=nonsense')).body.error.code,
    ).to.equal('VALIDATION_FAILED');
    client.close();
  });

  it('returns an empty page to two users without a conversation, and no conversation of others', async () => {
    const [a, b] = [newUser('a'), newUser('b')];
    expect((await history(a, b)).body).to.deep.include({ conversationId: null, messages: [], nextCursor: null });
    await openConversation(cluster, a, b);
    const stranger = newUser('stranger');
    expect((await history(stranger, a)).body.conversationId).to.equal(null);
    expect((await list(stranger)).body.conversations).to.deep.equal([]);
  });

  it('delivers messages of users with any printable id', async () => {
    const [a, b] = [newUser('user:{1}#/#'), newUser('用户 🙂')];
    const conversationId = await openConversation(cluster, a, b);
    const [alice, bob] = [await connect(cluster, a), await connect(cluster, b)];
    await alice.send({ conversationId, content: 'hi' });
    await eventually(() => expect(bob.messages).to.have.length(1));
    expect((await history(b, a)).body.messages).to.have.length(1);
    alice.close();
    bob.close();
  });

  it('serves the documents', async () => {
    const openapi = await (await fetch(`${cluster.url}/api/docs.json`)).json();
    expect(openapi).to.have.property('openapi').match(/^3\.1/);
    const asyncapi = await (await fetch(`${cluster.url}/api/asyncapi.json`)).json();
    expect(asyncapi).to.have.property('asyncapi').match(/^3\./);
    expect(await (await fetch(`${cluster.url}/api/docs`)).text()).to.include('swagger-ui');
  });
});
