import type { Presence, WatchPresenceAck } from '@chat-cluster/contracts';
import {
  api,
  askRedis,
  type ControlledService,
  connect,
  eventually,
  type FaultCluster,
  newUser,
  openConversation,
  startFaultCluster,
  type TestClient,
} from '@chat-cluster/testkit';
import { expect } from 'chai';

/** Time limit of presence for the users of a killed gateway, in ms. */
const GONE_MS = 30_000;

describe('presence and typing under faults', () => {
  let cluster: FaultCluster;
  let watcher: TestClient;
  let probe: TestClient;
  const clients: TestClient[] = [];

  before(async () => {
    cluster = await startFaultCluster({ gateways: 3, workers: 1, env: { PRESENCE: 'anyone' } });
    probe = await device(0, newUser('probe'));
    watcher = await device(0, newUser('watcher'));
  });
  after(async () => {
    for (const client of clients) client.close();
    await cluster[Symbol.asyncDispose]();
  });

  const gateway = (index: number) => cluster.gateways[index] as ControlledService;
  const targetOf = (index: number) => ({ ...cluster, url: `http://127.0.0.1:${gateway(index).port}` });

  /** A device on one gateway. It does not reconnect. */
  async function device(index: number, userId: string): Promise<TestClient> {
    const client = await connect(targetOf(index), userId, { transports: ['websocket'], reconnection: false });
    clients.push(client);
    return client;
  }

  async function watch(client: TestClient, ...userIds: string[]): Promise<Presence[]> {
    const ack = (await client.socket
      .timeout(10_000)
      .emitWithAck('watch_presence', { userIds } as never)) as WatchPresenceAck;
    if (!ack.ok) throw new Error(`watch_presence: ${JSON.stringify(ack)}`);
    return ack.presence;
  }

  const onlineOf = async (client: TestClient, ...users: TestClient[]) =>
    (await watch(client, ...users.map(({ userId }) => userId))).map(({ online }) => online);

  /** Watches users once they are online in the whole cluster, so that each later event is a change. */
  async function watchOnline(...users: TestClient[]): Promise<void> {
    await eventually(async () => expect(await onlineOf(probe, ...users)).to.deep.equal(users.map(() => true)));
    expect(await onlineOf(watcher, ...users)).to.deep.equal(users.map(() => true));
  }

  const eventsOf = (client: TestClient, userId: string) =>
    client.presence.filter((one) => one.userId === userId).map(({ online }) => online);

  it('reports the users of a killed gateway offline within 30 s, except those who are connected elsewhere', async () => {
    const lost = await Promise.all([1, 2, 3].map(() => device(1, newUser('lost'))));
    const [moves, both, stays] = [newUser('moves'), newUser('both'), newUser('stays')];
    const kept = [await device(1, moves), await device(1, both), await device(2, stays)];
    await device(2, both);
    await watchOnline(...lost, ...kept);
    const killedAt = performance.now();
    gateway(1).kill();
    await device(2, moves);
    await eventually(
      () => expect(lost.map(({ userId }) => eventsOf(watcher, userId))).to.deep.equal([[false], [false], [false]]),
      GONE_MS,
    );
    expect(performance.now() - killedAt).to.be.lessThan(GONE_MS);
    expect([moves, both, stays].map((userId) => eventsOf(watcher, userId))).to.deep.equal([[], [], []]);
    await eventually(async () => expect(await gateway(1).isReady()).to.equal(true));
  });

  it('does not flicker in a deploy: the users of a stopped gateway reconnect elsewhere', async () => {
    const user = newUser('user');
    const [there, leaves] = [await device(1, user), await device(1, newUser('leaves'))];
    await watchOnline(there, leaves);
    const ended = new Promise((resolve) => there.socket.once('disconnect', resolve));
    gateway(1).kill('SIGTERM');
    await ended;
    await device(2, user);
    // The stop itself releases the users, so watchers need not wait for the end of the lease.
    await eventually(() => expect(eventsOf(watcher, leaves.userId)).to.deep.equal([false]), 12_000);
    expect(eventsOf(watcher, user)).to.deep.equal([]);
    await eventually(async () => expect(await gateway(1).isReady()).to.equal(true));
  });

  it('is correct again after Redis was wiped, without a flicker', async () => {
    const [stays, leaves] = [await device(2, newUser('stays')), await device(2, newUser('leaves'))];
    const later = newUser('later');
    await watchOnline(stays, leaves);
    await watch(watcher, later);
    expect(await askRedis(cluster.redis.url, 'FLUSHALL')).to.equal('OK');
    leaves.close();
    await device(2, later);
    await eventually(() => expect(eventsOf(watcher, later)).to.deep.equal([true]));
    await eventually(() => expect(eventsOf(watcher, leaves.userId)).to.deep.equal([false]));
    const fresh = await device(1, newUser('fresh'));
    await eventually(async () => expect(await onlineOf(fresh, stays, leaves)).to.deep.equal([true, false]));
    expect(eventsOf(watcher, stays.userId)).to.deep.equal([]);
  });

  it("makes up for the changes that the watcher's gateway missed while it had no Redis", async () => {
    const leaves = await device(2, newUser('leaves'));
    const stays = await device(2, newUser('stays'));
    const comes = newUser('comes');
    await watchOnline(leaves, stays);
    await watch(watcher, comes);
    gateway(0).redis.set({ kind: 'reset' });
    const witness = await device(1, newUser('witness'));
    await device(2, comes);
    leaves.close();
    await eventually(
      async () =>
        expect((await watch(witness, comes, leaves.userId)).map(({ online }) => online)).to.deep.equal([true, false]),
      15_000,
    );
    const refused = await watcher.socket
      .timeout(10_000)
      .emitWithAck('watch_presence', { userIds: [newUser('x')] } as never);
    expect(refused).to.have.nested.property('error.code', 'UNAVAILABLE');
    expect(eventsOf(watcher, comes)).to.deep.equal([]);
    gateway(0).redis.set({ kind: 'pass' });
    await eventually(
      () => expect([eventsOf(watcher, comes), eventsOf(watcher, leaves.userId)]).to.deep.equal([[true], [false]]),
      20_000,
    );
    expect(eventsOf(watcher, stays.userId)).to.deep.equal([]);
  });

  it('works while Postgres is down', async () => {
    const [a, b] = [newUser('alice'), newUser('bob')];
    const [recent, listed] = [
      await openConversation(targetOf(0), a, b),
      await openConversation(targetOf(0), a, newUser('carol')),
    ];
    const [alice, bob, bobToo] = [await device(1, a), await device(0, b), await device(2, b)];
    const sender = await device(0, a);
    // On gateway-2 one conversation is known from the recent messages, the other from the list. A gateway that had no
    // Redis may reject for a moment.
    await eventually(async () =>
      expect(await sender.send({ conversationId: recent, content: 'hi' })).to.include({ ok: true }),
    );
    expect((await api(targetOf(1), a, 'GET', '/api/messages/conversations')).status).to.equal(200);
    const carol = await device(2, String((await conversationsOf(a)).find(({ id }) => id === listed)?.otherUserId));
    // The first signal makes the gateway read whether the participants have blocked each other.
    await eventually(async () => {
      for (const conversationId of [recent, listed]) {
        await alice.socket.emitWithAck('typing', { conversationId, typing: true } as never);
      }
      for (const client of [bob, bobToo, carol]) expect(client.typings).not.to.be.empty;
    });
    for (const client of [bob, bobToo, carol]) client.typings.length = 0;
    await watchOnline(alice, bob, carol);
    await cluster.postgres.kill();
    try {
      // Repeated, as clients do, since a signal is dropped while a transport is busy.
      await eventually(async () => {
        for (const conversationId of [recent, listed]) {
          const ack = alice.socket.timeout(5_000).emitWithAck('typing', { conversationId, typing: true } as never);
          expect(await ack).to.deep.equal({ ok: true });
        }
        for (const client of [bob, bobToo]) {
          expect(client.typings).to.deep.include({ conversationId: recent, userId: a, typing: true });
        }
        expect(carol.typings).to.deep.include({ conversationId: listed, userId: a, typing: true });
      });
      carol.socket.disconnect();
      await eventually(() => expect(eventsOf(watcher, carol.userId)).to.deep.equal([false]));
      carol.socket.connect();
      await eventually(() => expect(eventsOf(watcher, carol.userId)).to.deep.equal([false, true]));
    } finally {
      await cluster.postgres.start();
    }
  });

  async function conversationsOf(userId: string): Promise<{ id: string; otherUserId: string }[]> {
    const page = await api<{ conversations: { id: string; otherUserId: string }[] }>(
      targetOf(0),
      userId,
      'GET',
      '/api/messages/conversations',
    );
    return page.body.conversations;
  }
});
