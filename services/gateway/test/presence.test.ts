import { type FailureAck, LIMITS, type Presence, type WatchPresenceAck } from '@chat-cluster/contracts';
import {
  connect,
  connectElsewhere,
  eventually,
  newUser,
  startTestCluster,
  type TestClient,
  type TestCluster,
} from '@chat-cluster/testkit';
import { expect } from 'chai';

describe('presence', () => {
  let cluster: TestCluster;
  let watcher: TestClient;
  let probe: TestClient;
  const clients: TestClient[] = [];

  before(async () => {
    cluster = await startTestCluster({ env: { PRESENCE: 'anyone' } });
    probe = await connect(cluster, newUser('probe'), websocket);
    clients.push(probe);
    watcher = await device(newUser('watcher'));
  });
  after(async () => {
    for (const client of clients) client.close();
    await cluster.stop();
  });

  const websocket = { transports: ['websocket'] };

  async function device(userId: string): Promise<TestClient> {
    return announced(await connect(cluster, userId, websocket));
  }

  async function deviceElsewhere(userId: string, other: TestClient): Promise<TestClient> {
    return announced(await connectElsewhere(cluster, userId, other.session.gatewayId, websocket));
  }

  /** Resolves when the user of the device is online in the whole cluster. */
  async function announced(client: TestClient): Promise<TestClient> {
    clients.push(client);
    await eventually(async () => expect((await watch(probe, client.userId))[0]?.online).to.equal(true));
    await ask(probe, 'unwatch_presence', [client.userId]);
    return client;
  }

  const ask = (client: TestClient, event: 'watch_presence' | 'unwatch_presence', userIds: unknown) =>
    client.socket.timeout(10_000).emitWithAck(event, { userIds } as never) as Promise<WatchPresenceAck | FailureAck>;

  async function watch(client: TestClient, ...userIds: string[]): Promise<Presence[]> {
    const ack = await ask(client, 'watch_presence', userIds);
    if (!ack.ok) throw new Error(`watch_presence: ${JSON.stringify(ack.error)}`);
    return ack.presence;
  }

  const eventsOf = (client: TestClient, userId: string) =>
    client.presence.filter((one) => one.userId === userId).map(({ online }) => online);

  /** Resolves when `client` got the offline event of a user who disconnects now: the grace of earlier ones is over. */
  async function graceOver(client: TestClient): Promise<void> {
    const witness = await device(newUser('witness'));
    expect((await watch(client, witness.userId))[0]?.online).to.equal(true);
    witness.close();
    await eventually(() => expect(eventsOf(client, witness.userId)).to.deep.equal([false]));
  }

  it('is online with the first device, offline some seconds after the last one, on whatever gateways', async () => {
    const bob = newUser('bob');
    expect(await watch(watcher, bob)).to.deep.equal([{ userId: bob, online: false }]);
    const elsewhere = await deviceElsewhere(newUser('elsewhere'), watcher);
    expect(await watch(elsewhere, bob)).to.deep.equal([{ userId: bob, online: false }]);
    const phone = await device(bob);
    for (const client of [watcher, elsewhere])
      await eventually(() => expect(eventsOf(client, bob)).to.deep.equal([true]));
    const laptop = await deviceElsewhere(bob, phone);
    phone.close();
    await graceOver(watcher);
    for (const client of [watcher, elsewhere]) expect(eventsOf(client, bob)).to.deep.equal([true]);
    const before = Date.now();
    laptop.close();
    for (const client of [watcher, elsewhere]) {
      await eventually(() => expect(eventsOf(client, bob)).to.deep.equal([true, false]));
      expect(Date.parse(client.presence.at(-1)?.lastSeenAt ?? '')).to.be.within(before - 1_000, Date.now());
    }
  });

  it('does not flicker when a device reconnects, to the same gateway or to another', async () => {
    const [carol, dave] = [await device(newUser('carol')), await device(newUser('dave'))];
    expect((await watch(watcher, carol.userId, dave.userId)).map(({ online }) => online)).to.deep.equal([true, true]);
    for (let flap = 0; flap < 3; flap++) {
      const back = new Promise((resolve) => carol.socket.once('session', resolve));
      carol.socket.io.engine.close();
      await back;
    }
    dave.close();
    await deviceElsewhere(dave.userId, dave);
    await graceOver(watcher);
    expect([eventsOf(watcher, carol.userId), eventsOf(watcher, dave.userId)]).to.deep.equal([[], []]);
  });

  it('is emitted to watching sockets only, until they unwatch', async () => {
    const [watches, unwatches, neither] = [
      await device(newUser('a')),
      await device(newUser('b')),
      await device(newUser('c')),
    ];
    const [erin, frank] = [newUser('erin'), newUser('frank')];
    await watch(watches, erin, frank);
    await watch(unwatches, erin, frank);
    expect(await ask(unwatches, 'unwatch_presence', [erin, newUser('unwatched')])).to.deep.equal({ ok: true });
    await Promise.all([device(erin), device(frank)]);
    for (const client of [watches, unwatches]) {
      await eventually(() => expect(eventsOf(client, frank)).to.deep.equal([true]));
    }
    await eventually(() => expect(eventsOf(watches, erin)).to.deep.equal([true]));
    expect(eventsOf(unwatches, erin)).to.deep.equal([]);
    expect(neither.presence).to.deep.equal([]);
  });

  it('may be watched twice, of oneself, and of the same user by several devices', async () => {
    const me = await device(newUser('me'));
    expect(await watch(me, me.userId, me.userId)).to.deep.equal([
      { userId: me.userId, online: true },
      { userId: me.userId, online: true },
    ]);
    const mine = await deviceElsewhere(me.userId, me);
    const other = newUser('other');
    for (const client of [me, mine, me]) await watch(client, other);
    await device(other);
    for (const client of [me, mine]) await eventually(() => expect(eventsOf(client, other)).to.deep.equal([true]));
    expect([me.presence.length, mine.presence.length]).to.deep.equal([1, 1]);
  });

  it('is bounded: beyond the limit a call changes nothing, and earlier watches stay', async () => {
    const client = await device(newUser('many'));
    const users = Array.from({ length: LIMITS.watchedUsers }, () => newUser('watched'));
    const presence = await watch(client, ...users);
    expect(presence.map(({ userId }) => userId)).to.deep.equal(users);
    const extra = newUser('extra');
    const ack = await ask(client, 'watch_presence', [users[0], extra]);
    expect(ack).to.have.nested.property('error.code', 'LIMIT_EXCEEDED');
    expect(ack).to.have.nested.property('error.retryable', false);
    await Promise.all([device(String(users[7])), device(extra)]);
    await eventually(() => expect(eventsOf(client, String(users[7]))).to.deep.equal([true]));
    expect(eventsOf(client, extra)).to.deep.equal([]);
    await ask(client, 'unwatch_presence', users.slice(0, 1));
    expect((await watch(client, extra))[0]).to.include({ userId: extra });
  });

  it('limits the rate at which a connection watches new users', async () => {
    const client = await device(newUser('hasty'));
    const watchAndUnwatch = async () => {
      const users = Array.from({ length: LIMITS.watchedUsers }, () => newUser('watched'));
      const ack = await ask(client, 'watch_presence', users);
      await ask(client, 'unwatch_presence', users);
      return ack;
    };
    const acks = [];
    for (let i = 0; i < 4; i++) acks.push(await watchAndUnwatch());
    expect(acks.slice(0, 2).every(({ ok }) => ok)).to.equal(true);
    const error = acks.map((ack) => (ack.ok ? undefined : ack.error)).find(Boolean);
    expect(error).to.include({ code: 'RATE_LIMITED', retryable: true });
    expect(error?.retryAfterMs).to.be.within(1, 4_000);
  });

  it('answers bad payloads with a coded error', async () => {
    const client = await device(newUser('hostile'));
    const bad: unknown[] = [
      undefined,
      'bob',
      {},
      [],
      [7],
      [''],
      ['a\u0000b'],
      ['\ud800'],
      ['x'.repeat(65)],
      Array.from({ length: LIMITS.watchedUsers + 1 }, (_, i) => `user-${i}`),
      { length: 1e9 },
      [Buffer.from('bob')],
    ];
    for (const event of ['watch_presence', 'unwatch_presence'] as const) {
      for (const userIds of bad) {
        expect(await ask(client, event, userIds)).to.have.nested.property('error.code', 'VALIDATION_FAILED');
      }
      const before = client.exceptions.length;
      client.socket.emit(event, null as never);
      await eventually(() => expect(client.exceptions.length).to.equal(before + 1));
      expect(client.exceptions.at(-1)).to.have.nested.property('error.code', 'VALIDATION_FAILED');
    }
    expect((await watch(client, '__proto__', 'constructor')).map(({ online }) => online)).to.deep.equal([false, false]);
    expect(client.socket.connected).to.equal(true);
  });

  it('forgets sockets that disconnect before their watch is answered', async () => {
    const user = newUser('user');
    for (let i = 0; i < 20; i++) {
      const hasty = await device(newUser('hasty'));
      hasty.socket.emit('watch_presence', { userIds: [user] } as never);
      hasty.close();
    }
    expect(await watch(watcher, user)).to.deep.equal([{ userId: user, online: false }]);
    await device(user);
    await eventually(() => expect(eventsOf(watcher, user)).to.deep.equal([true]));
  });
});
