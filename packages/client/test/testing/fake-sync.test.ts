import type { Conversation, ConversationsPage, SyncAck, SyncFeed } from '@chat-cluster/contracts';
import { expect } from 'chai';
import { createFakeCluster, type FakeCluster } from '../../src/testing/index.ts';
import { fakeDevice } from './fake-device.ts';

describe('sync of a fake cluster', () => {
  it('returns missed messages in pages within the limit, read marks, and the unread total', async () => {
    const cluster = createFakeCluster();
    for (let n = 1; n <= 12; n++) cluster.send({ from: 'alice', to: 'bob', content: String(n) });
    const { id } = cluster.open('alice', 'bob');
    cluster.read('bob', id, 2);
    const bob = await fakeDevice(cluster, 'bob');
    const first = await bob.sync({ conversations: [{ id, afterSeq: 2 }], limit: 6 });
    expect(seqs(first)).to.deep.equal([3, 4, 5, 6, 7, 8]);
    expect(first).to.deep.include({
      hasMore: true,
      notFound: [],
      unread: { count: 10, conversations: [{ conversationId: id, count: 10 }] },
    });
    expect(first.conversations[0]).to.include({ id, lastSeq: 12, hasMore: true });
    expect(first.conversations[0]?.readMarks.map((one) => [one.userId, one.upToSeq])).to.have.deep.members([
      ['alice', 0],
      ['bob', 2],
    ]);
    const rest = await bob.sync({ conversations: [{ id, afterSeq: 8 }], limit: 6 });
    expect([seqs(rest), rest.hasMore]).to.deep.equal([[9, 10, 11, 12], false]);
    const eve = await fakeDevice(cluster, 'eve');
    expect(await eve.sync({ conversations: [{ id, afterSeq: 0 }] })).to.deep.include({
      conversations: [],
      notFound: [id],
    });
  });

  it('has a feed of the conversations with activity, oldest first, in pages', async () => {
    const cluster = createFakeCluster();
    const alice = await fakeDevice(cluster, 'alice');
    const ids = Array.from(
      { length: 150 },
      (_, i) => cluster.send({ from: `user-${i}`, to: 'alice', content: 'x' }).conversationId,
    );
    const start = await feed(cluster, 'now');
    expect(start).to.deep.include({ conversations: [], hasMore: false });
    await cluster.advance(120_000);
    const quiet = await feed(cluster, (await feed(cluster, 'now')).since);
    expect(quiet.conversations).to.deep.equal([]);
    const first = await feed(cluster, start.since);
    expect([first.conversations.length, first.hasMore]).to.deep.equal([100, true]);
    const second = await feed(cluster, first.since);
    expect([second.conversations.length, second.hasMore]).to.deep.equal([50, false]);
    expect([...first.conversations, ...second.conversations].map(({ id }) => id)).to.deep.equal(ids);
    await alice.call('read_messages', { conversationId: ids[7] });
    const [entry] = (await feed(cluster, second.since)).conversations;
    expect(entry).to.include({ id: ids[7], lastSeq: 1, unreadCount: 0 });
    expect(entry?.readMarks.find(({ userId }) => userId === 'alice')).to.include({ upToSeq: 1 });
  });

  it('repeats the activity of the last minute in the feed', async () => {
    const cluster = createFakeCluster();
    const { conversationId } = cluster.send({ from: 'bob', to: 'alice', content: 'x' });
    const { since } = await feed(cluster, 'now');
    expect((await feed(cluster, since)).conversations.map(({ id }) => id)).to.deep.equal([conversationId]);
    await cluster.advance(61_000);
    expect((await feed(cluster, (await feed(cluster, since)).since)).conversations).to.deep.equal([]);
  });

  it('begins the feed anew after a restore', async () => {
    const cluster = createFakeCluster();
    const { since } = await feed(cluster, 'now');
    cluster.restore(cluster.backup());
    expect(await feed(cluster, since)).to.deep.include({ conversations: [], reset: true, hasMore: false });
  });
});

describe('HTTP of a fake cluster', () => {
  it('opens one conversation of two users, for both of them', async () => {
    const cluster = createFakeCluster();
    const open = async (user: string, participantId: unknown) => {
      const body = JSON.stringify({ participantId });
      const response = await request(cluster, user, '/api/conversations', { method: 'POST', body });
      return { status: response.status, body: (await response.json()) as Conversation };
    };
    const first = await open('alice', 'bob');
    expect(first.status).to.equal(201);
    expect(first.body.participantIds).to.deep.equal(['alice', 'bob']);
    expect(await open('bob', 'alice')).to.deep.equal({ status: 200, body: first.body });
    expect(await open('bob', '')).to.have.property('status', 400);
  });

  it('lists conversations by newest activity, page by page', async () => {
    const cluster = createFakeCluster();
    for (const from of ['x', 'y', 'z']) cluster.send({ from, to: 'me', content: `from ${from}` });
    const list = async (query: string) =>
      (await (await request(cluster, 'me', `/api/messages/conversations${query}`)).json()) as ConversationsPage;
    const first = await list('?limit=2');
    const rest = await list(`?limit=2&cursor=${first.nextCursor}`);
    const all = [...first.conversations, ...rest.conversations];
    expect(all.map(({ otherUserId, unreadCount }) => [otherUserId, unreadCount])).to.deep.equal([
      ['z', 1],
      ['y', 1],
      ['x', 1],
    ]);
    expect(all[0]?.lastMessage?.content).to.equal('from z');
    expect(rest.nextCursor).to.equal(null);
  });

  it('returns coded errors', async () => {
    const cluster = createFakeCluster();
    const path = '/api/messages/conversations';
    const outcome = async (response: Promise<Response>) => {
      const { error } = (await (await response).json()) as { error: { code: string } };
      return [(await response).status, error.code];
    };
    expect(await outcome(cluster.fetch(cluster.url + path))).to.deep.equal([401, 'TOKEN_MISSING']);
    expect(await outcome(request(cluster, 'me', '/x'))).to.deep.equal([404, 'NOT_FOUND']);
    cluster.refuse(`GET ${path}`, 'OVERLOADED', { retryAfterMs: 10 });
    expect(await outcome(request(cluster, 'me', path))).to.deep.equal([503, 'OVERLOADED']);
    expect(cluster.requests(`GET ${path}`)).to.have.length(1);
  });
});

async function feed(cluster: FakeCluster, since: string): Promise<SyncFeed> {
  const device = await fakeDevice(cluster, 'alice');
  const ack = await device.sync({ conversations: [], since });
  device.socket.disconnect();
  if (!ack.feed) throw new Error('The ack has no feed.');
  return ack.feed;
}

function request(cluster: FakeCluster, user: string, path: string, init: RequestInit = {}): Promise<Response> {
  return cluster.fetch(cluster.url + path, { ...init, headers: { authorization: `Bearer ${cluster.tokenFor(user)}` } });
}

function seqs({ conversations }: SyncAck): number[] {
  return conversations.flatMap(({ messages }) => messages.map(({ seq }) => seq));
}
