import type { ActionResult, MessageView, UserView } from '@chat-cluster/contracts';
import {
  askRedis,
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
import { ADMIN_TOKEN, viewClient, workerUrl } from './view-client.ts';

const UNKNOWN_ID = '01926b3a-8a57-7a10-8f6c-5d2f6a7b9c01';

for (const adapter of ['sharded', 'classic']) {
  describe(`the cluster view of two gateways with REDIS_ADAPTER=${adapter}`, () => testLookups(adapter));
}

function testLookups(adapter: string): void {
  let cluster: TestCluster;
  let view: ReturnType<typeof viewClient>;
  const clients: TestClient[] = [];

  before(async () => {
    cluster = await startTestCluster({
      env: { ADMIN_TOKEN, PRESENCE: 'off', REDIS_ADAPTER: adapter, CLUSTER_NAME: `view-${adapter}` },
    });
    view = viewClient(workerUrl(cluster));
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });
  after(() => cluster?.stop());

  const connected = async (client: Promise<TestClient>) => {
    clients.push(await client);
    return clients.at(-1) as TestClient;
  };
  /** Two devices of a user, on different gateways; the second one polls. */
  const twoDevices = async (user: string) => {
    const first = await connected(connect(cluster, user, { transports: ['websocket'] }));
    const polling = { transports: ['polling'], upgrade: false };
    const second = await connected(connectElsewhere(cluster, user, first.session.gatewayId, polling));
    return [first, second] as const;
  };

  it('shows both gateways and the worker, with figures after messages', async () => {
    const [alice, bob] = [newUser('alice'), newUser('bob')];
    const sender = await connected(connect(cluster, alice));
    await connected(connect(cluster, bob));
    const conversationId = await openConversation(cluster, alice, bob);
    const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);
    await eventually(async () => {
      for (let i = 0; i < 20; i++) await sender.send({ conversationId, content: `message ${i}` });
      const { gateways, workers, flow, lanes, verdict } = await view.overview();
      expect(verdict).to.deep.equal({ state: 'healthy', alerts: [] });
      expect(gateways.map(({ state }) => state)).to.deep.equal(['ready', 'ready']);
      expect(gateways.map(({ name }) => name)).to.deep.equal(cluster.gateways);
      expect(sum(gateways.map(({ connections }) => connections))).to.equal(2);
      expect(workers).to.have.length(1);
      expect(workers[0]).to.include({ name: 'worker-1', state: 'ready' });
      expect(workers[0]?.lanesHeld).to.include.members(['inbox-0', 'recount-1']);
      expect(workers[0]?.storeP99Ms).to.be.above(0);
      for (const lane of lanes) expect(lane).to.include({ worker: 'worker-1', givenUp: 0 });
      expect(flow.acceptedPerSecond).to.be.above(0);
      expect(flow.storedPerSecond).to.be.above(0);
      expect(flow.deliveredPerSecond).to.be.above(flow.storedPerSecond);
      expect(flow.ackP50Ms).to.be.above(0);
      expect(flow.ackP99Ms).to.be.at.least(flow.ackP50Ms as number);
      expect(flow.deliveryP99Ms).to.be.above(0);
    });
  });

  it('ignores and counts snapshots that it cannot read', async () => {
    const { redisUrl } = cluster;
    await askRedis(redisUrl, 'ZADD', `view-${adapter}:processes`, String(Date.now()), 'broken');
    await askRedis(redisUrl, 'SET', `view-${adapter}:process:broken`, '{"kind":"gateway"', 'EX', '600');
    await eventually(async () => {
      const { unreadableSnapshots, gateways } = await view.overview();
      expect(unreadableSnapshots).to.equal(1);
      expect(gateways).to.have.length(2);
    });
    await askRedis(redisUrl, 'DEL', `view-${adapter}:process:broken`);
    await eventually(async () => expect((await view.overview()).unreadableSnapshots).to.equal(0));
  });

  it('shows Redis per role, Postgres, and the starts of the processes', async () => {
    const { redis, postgres, changes, canAct, unreadableSnapshots } = await view.overview();
    expect(redis.map(({ role }) => role)).to.deep.equal(['pubsub', 'queue', 'cache']);
    for (const one of redis) {
      expect(one).to.include({ up: true, server: new URL(cluster.redisUrl).host });
      expect(one.memoryBytes).to.be.above(0);
      expect(one.clients).to.be.above(2);
    }
    expect(postgres.up).to.equal(true);
    expect(postgres.connections).to.be.above(2);
    expect(postgres.databaseBytes).to.be.above(1_000_000);
    expect(canAct).to.equal(true);
    expect(unreadableSnapshots).to.equal(0);
    const started = changes.filter(({ text }) => text.startsWith('started'));
    expect(started.map(({ subject }) => subject).sort()).to.deep.equal([...cluster.gateways, 'worker-1'].sort());
  });

  it('shows the versions while they differ, and stays healthy', async () => {
    const { redisUrl } = cluster;
    const [own] = (await view.overview()).workers;
    const older = {
      ...{
        id: 'older',
        kind: 'worker',
        name: 'worker-of-an-older-version',
        pid: 1,
        host: 'elsewhere',
        version: '0.1.9',
      },
      ...{ startedAt: 1_000, at: Date.now(), state: 'ready', overMs: 2_000 },
      ...{ cpuPercent: 1, memoryBytes: 1, heapBytes: 1, eventLoopP99Ms: 1 },
    };
    await askRedis(redisUrl, 'SET', `view-${adapter}:process:older`, JSON.stringify(older), 'EX', '600');
    await eventually(async () => {
      // As long as it is read, the process reports.
      await askRedis(redisUrl, 'ZADD', `view-${adapter}:processes`, String(Date.now()), 'older');
      const { mixedVersions, verdict } = await view.overview();
      expect(verdict).to.deep.equal({ state: 'healthy', alerts: [] });
      expect(mixedVersions?.versions).to.deep.equal([
        { version: own?.version, processes: 3 },
        { version: '0.1.9', processes: 1 },
      ]);
      expect(mixedVersions?.since).to.be.closeTo(Date.now(), 600_000);
    });
    await askRedis(redisUrl, 'DEL', `view-${adapter}:process:older`);
    await eventually(async () => expect((await view.overview()).mixedVersions).to.equal(undefined));
  });

  it('finds the connections of a user on all gateways, without presence, and a page of conversations', async () => {
    const [alice, bob] = [newUser('alice'), newUser('bob')];
    const [websocket, polling] = await twoDevices(alice);
    const conversationId = await openConversation(cluster, alice, bob);
    await (await connected(connect(cluster, bob))).send({ conversationId, content: 'hello' });
    const user = await view.get<UserView>(`users?id=${alice}`);
    expect(user).to.include({ userId: alice, unread: 1, nextCursor: null });
    expect(user).not.to.have.any.keys('connectionsUnknown', 'revokedAt');
    const of = ({ session }: TestClient, transport: string) => ({
      connectionId: session.connectionId,
      gateway: session.gatewayId,
      transport,
    });
    expect(user.connections.map(({ since: _, ...rest }) => rest)).to.have.deep.members([
      of(websocket, 'websocket'),
      of(polling, 'polling'),
    ]);
    for (const { since } of user.connections) expect(since).to.be.closeTo(Date.now(), 60_000);
    const [conversation] = user.conversations;
    expect(conversation).to.include({ conversationId, otherUserId: bob, readSeq: 0, lastSeq: 1, unread: 1 });
  });

  it('finds nothing of a user who is not connected and has no conversation', async () => {
    expect(await view.get<UserView>(`users?id=${encodeURIComponent(newUser('näme/ø'))}`)).to.deep.include({
      unread: 0,
      connections: [],
      conversations: [],
      nextCursor: null,
    });
  });

  for (const id of ['.', '..', 'a/b?c#d&e=f+g %']) {
    it(`finds the user ${id}`, async () => {
      const user = await view.get<UserView>(`users?id=${encodeURIComponent(id)}`);
      expect(user).to.deep.include({ userId: id, connections: [], conversations: [] });
      const result = await view.post<ActionResult>(`users/disconnect?id=${encodeURIComponent(id)}`, {});
      expect(result).to.deep.equal({ done: '0 connections were closed.' });
    });
  }

  it('pages through the conversations of a user', async () => {
    const alice = newUser('alice');
    const opened = new Set<string>();
    for (let i = 0; i < 23; i++) opened.add(await openConversation(cluster, alice, newUser('peer')));
    const first = await view.get<UserView>(`users?id=${alice}`);
    expect(first.conversations).to.have.length(20);
    const second = await view.get<UserView>(`users?id=${alice}&cursor=${first.nextCursor}`);
    expect(second.nextCursor).to.equal(null);
    const seen = [...first.conversations, ...second.conversations].map(({ conversationId }) => conversationId);
    expect(new Set(seen)).to.deep.equal(opened);
    expect((await view.request('GET', `users?id=${alice}&cursor=nonsense`)).status).to.equal(400);
  });

  it('disconnects a user on both gateways; the clients reconnect', async () => {
    const alice = newUser('alice');
    const devices = await twoDevices(alice);
    const other = await connected(connect(cluster, newUser('bob')));
    const closed = devices.map(({ socket }) => new Promise((resolve) => socket.once('disconnect', resolve)));
    const result = await view.post<ActionResult>(`users/disconnect?id=${alice}`, {});
    expect(result).to.deep.equal({ done: '2 connections were closed.' });
    expect(await Promise.all(closed)).to.have.length(2);
    await eventually(() => expect(devices.every(({ socket }) => socket.connected)).to.equal(true));
    expect(other.socket.connected).to.equal(true);
  });

  it('revokes the tokens of a user on both gateways; other users stay', async () => {
    const alice = newUser('alice');
    const devices = await twoDevices(alice);
    const other = await connected(connect(cluster, newUser('bob')));
    const ended = devices.map(({ socket }) => new Promise((resolve) => socket.once('session_ended', resolve)));
    await view.post<ActionResult>(`users/revoke?id=${alice}`, {});
    for (const event of await Promise.all(ended)) expect(event).to.have.nested.property('error.code', 'TOKEN_REVOKED');
    expect((await view.get<UserView>(`users?id=${alice}`)).revokedAt).to.be.closeTo(Date.now(), 60_000);
    expect(other.socket.connected).to.equal(true);
  });

  it('finds a message and a conversation by id, without content', async () => {
    const [alice, bob] = [newUser('alice'), newUser('bob')];
    const sender = await connected(connect(cluster, alice));
    const reader = await connected(connect(cluster, bob));
    const conversationId = await openConversation(cluster, alice, bob);
    await sender.send({ conversationId, content: 'first' });
    const ack = await sender.send({ conversationId, content: 'meet-me-at-nine', clientMessageId: 'the-second' });
    const id = ack.ok ? ack.message.id : '';
    const about = { conversationId, lastSeq: 2, worker: 'worker-1' };
    const unread = await view.get<MessageView>(`messages?id=${id}`);
    expect(unread).to.include({ of: 'message', ...about });
    expect(unread.participantIds).to.have.members([alice, bob]);
    expect(unread.message).to.deep.include({ id, seq: 2, senderId: alice, clientMessageId: 'the-second', readBy: [] });
    expect(unread.message?.storedAt).to.be.closeTo(Date.now(), 60_000);
    expect(unread.lane).to.match(/^inbox-[0-3]$/);
    expect(JSON.stringify(unread)).not.to.include('meet-me');
    await reader.read({ conversationId, upToSeq: 2 });
    const read = await view.get<MessageView>(`messages?id=${id.toUpperCase()}`);
    expect(read.message?.readBy).to.deep.equal([bob]);
    const conversation = await view.get<MessageView>(`messages?id=${conversationId}`);
    expect(conversation).to.include({ of: 'conversation', lane: read.lane, ...about });
    expect(conversation).not.to.have.property('message');
  });

  for (const [path, status, code] of [
    [`messages?id=${UNKNOWN_ID}`, 404, 'NOT_FOUND'],
    ['messages?id=no-id', 400, 'VALIDATION_FAILED'],
    [`users?id=${'x'.repeat(65)}`, 400, 'VALIDATION_FAILED'],
    ['users?id=%E0%A4%A', 400, 'VALIDATION_FAILED'],
    ['users?id=a%00b', 400, 'VALIDATION_FAILED'],
    ['users?id=', 400, 'VALIDATION_FAILED'],
    ['users', 400, 'VALIDATION_FAILED'],
    ['users/alice', 404, 'NOT_FOUND'],
    ['', 404, 'NOT_FOUND'],
    ['overview/more', 404, 'NOT_FOUND'],
    ['dead-letters?cursor=x', 400, 'VALIDATION_FAILED'],
    ['dead-letters/drop', 405, 'METHOD_NOT_ALLOWED'],
  ] as const) {
    it(`responds ${status} ${code} to GET ${path.slice(0, 30) || '/'}`, async () => {
      const answer = await view.request('GET', path);
      expect(answer.status).to.equal(status);
      expect(answer.body).to.have.nested.property('error.code', code);
    });
  }
}
