import type { Conversation, Problem } from '@chat-cluster/contracts';
import {
  api,
  askRedis,
  connect,
  eventually,
  newUser,
  privateServers,
  startTestCluster,
  type TestCluster,
} from '@chat-cluster/testkit';
import { expect } from 'chai';
import type { Socket } from 'socket.io-client';

const ADMIN_TOKEN = 'token-of-the-administrators';

describe('with PRESENCE=off and OPEN_CONVERSATIONS=server', () => {
  let cluster: TestCluster;

  before(async () => {
    // Two processes: the supervisor passes the requests of the admin port to one of them.
    cluster = await startTestCluster({
      gatewayProcesses: 2,
      env: { ADMIN_TOKEN, PRESENCE: 'off', OPEN_CONVERSATIONS: 'server' },
    });
  });
  after(() => cluster.stop());

  const openAsServer = (body: unknown) => postAsServer('/conversations', body);

  async function postAsServer(path: string, body: unknown): Promise<{ status: number; body: Conversation & Problem }> {
    const port = cluster.processes.find(({ name }) => name === 'gateway')?.adminPort;
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Conversation & Problem };
  }

  const openAsUser = (userId: string, participantId: string) =>
    api<Conversation & Problem>(cluster, userId, 'POST', '/api/conversations', { participantId });

  it('users cannot open conversations; they find, read and write those that the server has opened', async () => {
    const [a, b] = [newUser('alice'), newUser('bob')];
    const refused = await openAsUser(a, b);
    expect([refused.status, refused.body.error.code]).to.deep.equal([403, 'FORBIDDEN']);
    expect(refused.body.error.retryable).to.equal(false);
    const opened = await openAsServer({ userIds: [a, b] });
    expect(opened.status).to.equal(201);
    expect(opened.body.participantIds).to.deep.equal([a, b]);
    for (const [user, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const found = await openAsUser(user, other);
      expect([found.status, found.body.id, found.body.createdAt]).to.deep.equal([
        200,
        opened.body.id,
        opened.body.createdAt,
      ]);
      expect((await openAsUser(user, user)).status).to.equal(403);
    }
    const [alice, bob] = [await connect(cluster, a), await connect(cluster, b)];
    const conversationId = opened.body.id;
    expect(await alice.send({ conversationId, content: 'hi' })).to.include({ ok: true });
    await eventually(() => expect(bob.messages).to.have.length(1));
    expect(await bob.read({ conversationId })).to.include({ ok: true });
    for (const path of [`/api/messages/with/${b}`, '/api/messages/conversations']) {
      const { status, body } = await api(cluster, a, 'GET', path);
      expect(status).to.equal(200);
      expect(JSON.stringify(body)).to.include('"hi"');
    }
    alice.close();
    bob.close();
  });

  it('members of a group get its badges', async () => {
    const [a, b] = [newUser('alice'), newUser('bob')];
    const [alice, bob] = [await connect(cluster, a), await connect(cluster, b)];
    const group = await postAsServer('/groups', { ownerId: a, title: 'Lunch', userIds: [b] });
    expect(group.status).to.equal(201);
    expect(await alice.send({ conversationId: group.body.id, content: 'hi' })).to.include({ ok: true });
    await eventually(() => expect(bob.badges.at(-1)?.count).to.equal(1));
    alice.close();
    bob.close();
  });

  it('the server opens each pair once, however often and in whatever order', async () => {
    const [a, b] = [newUser('alice'), newUser('bob')];
    const pairs = Array.from({ length: 20 }, (_, i) => ({ userIds: i % 2 ? [a, b] : [b, a] }));
    const answers = await Promise.all(pairs.map(openAsServer));
    expect(answers.filter(({ status }) => status === 201)).to.have.length(1);
    expect(answers.filter(({ status }) => status === 200)).to.have.length(19);
    expect(new Set(answers.map(({ body }) => body.id)).size).to.equal(1);
    const notes = await openAsServer({ userIds: [a, a] });
    expect([notes.status, notes.body.participantIds]).to.deep.equal([201, [a]]);
  });

  it('the server gets a coded error for a bad body', async () => {
    const pair = ['a', 'b'];
    const bad: unknown[] = [
      {},
      [],
      '{',
      'null',
      pair,
      { userIds: 'ab' },
      { userIds: ['a'] },
      { userIds: ['a', 'b', 'c'] },
      { userIds: ['a', 7] },
      { userIds: ['a', ''] },
      { userIds: ['a', 'x'.repeat(65)] },
      { userIds: ['a', '\u0000'] },
      { userIds: pair, kind: 'group' },
      { participantId: 'b' },
    ];
    for (const body of bad) {
      const answer = await openAsServer(body);
      expect([answer.status, answer.body.error?.code], JSON.stringify(body)).to.deep.equal([400, 'VALIDATION_FAILED']);
    }
  });

  it('nobody receives presence, and Redis holds none', async () => {
    const { redis } = await privateServers();
    const [a, b] = [newUser('alice'), newUser('bob')];
    await openAsServer({ userIds: [a, b] });
    const [alice, bob] = [await connect(cluster, a), await connect(cluster, b)];
    const ask = (event: string, payload: unknown) =>
      (alice.socket as Socket).timeout(10_000).emitWithAck(event, payload);
    const refused = await ask('watch_presence', { userIds: [b] });
    expect(refused).to.have.nested.property('error.code', 'FORBIDDEN');
    expect(refused).to.have.nested.property('error.retryable', false);
    expect(await ask('watch_presence', { userIds: [] })).to.have.nested.property('error.code', 'VALIDATION_FAILED');
    expect(await ask('unwatch_presence', { userIds: [b] })).to.deep.equal({ ok: true });
    bob.close();
    expect(await ask('watch_presence', { userIds: [a] })).to.have.nested.property('error.code', 'FORBIDDEN');
    expect(await askRedis(redis.url, 'EXISTS', `chat:presence:${a}`, `chat:presence:${b}`)).to.equal(0);
    expect(alice.presence).to.deep.equal([]);
    alice.close();
  });
});
