import type { FailureAck, Presence, WatchPresenceAck } from '@chat-cluster/contracts';
import {
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

describe('presence of contacts', () => {
  let cluster: FaultCluster;
  const clients: TestClient[] = [];

  before(async () => {
    cluster = await startFaultCluster({ gateways: 2, workers: 1 });
  });
  after(() => cluster[Symbol.asyncDispose]());
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });

  const targetOf = (index: number) => {
    const { port } = cluster.gateways[index] as ControlledService;
    return { ...cluster, url: `http://127.0.0.1:${port}` };
  };

  async function device(index: number, name: string): Promise<TestClient> {
    const client = await connect(targetOf(index), newUser(name), { transports: ['websocket'], reconnection: false });
    clients.push(client);
    return client;
  }

  const ask = (client: TestClient, ...userIds: string[]) =>
    client.socket.timeout(10_000).emitWithAck('watch_presence', { userIds } as never) as Promise<
      WatchPresenceAck | FailureAck
    >;

  async function watch(client: TestClient, ...userIds: string[]): Promise<Presence[]> {
    const ack = await ask(client, ...userIds);
    if (!ack.ok) throw new Error(`watch_presence: ${JSON.stringify(ack.error)}`);
    return ack.presence;
  }

  const eventsOf = (client: TestClient, { userId }: TestClient) =>
    client.presence.filter((one) => one.userId === userId).map(({ online }) => online);

  /** A contact of these users on gateway-1, once they are online there. */
  async function witnessOf(...users: TestClient[]): Promise<TestClient> {
    const witness = await device(0, 'witness');
    for (const { userId } of users) await openConversation(targetOf(0), witness.userId, userId);
    await eventually(async () => {
      const seen = await watch(witness, ...users.map(({ userId }) => userId));
      expect(seen.map(({ online }) => online)).to.deep.equal(users.map(() => true));
    });
    return witness;
  }

  /** Gateways that are subscribed to the presence of the user. */
  async function subscribersOf({ userId }: TestClient): Promise<number> {
    const reply = await askRedis(cluster.redis.url, 'PUBSUB', 'SHARDNUMSUB', `chat:presence#${userId}`);
    return Number((reply as unknown[])[1]);
  }

  it('hides a user without a common conversation: as a user who never connected, online, offline and after leaving', async () => {
    const stranger = await device(1, 'stranger');
    const witness = await witnessOf(stranger);
    const watcher = await device(1, 'watcher');
    const asked = [stranger.userId, newUser('nobody')];
    const hidden = asked.map((userId) => ({ userId, online: false }));
    expect(await watch(watcher, ...asked)).to.deep.equal(hidden);
    expect(await subscribersOf(stranger)).to.equal(1);
    stranger.close();
    await eventually(() => expect(eventsOf(witness, stranger)).to.deep.equal([false]));
    expect(witness.presence.at(-1)).to.have.property('lastSeenAt');
    expect(await watch(watcher, ...asked)).to.deep.equal(hidden);
    expect(watcher.presence).to.deep.equal([]);
  });

  it('counts a hidden user towards the limit like any other', async () => {
    const watcher = await device(0, 'watcher');
    const users = Array.from({ length: 200 }, () => newUser('stranger'));
    expect(await watch(watcher, ...users)).to.have.length(200);
    expect(await ask(watcher, newUser('one more'))).to.have.nested.property('error.code', 'LIMIT_EXCEEDED');
    await watcher.socket.emitWithAck('unwatch_presence', { userIds: users.slice(0, 1) } as never);
    expect(await watch(watcher, newUser('one more'))).to.have.length(1);
  });

  for (const opener of ['watcher', 'other'] as const) {
    it(`shows a user whose conversation is opened later, by the ${opener}, on another gateway`, async () => {
      const other = await device(1, 'other');
      const [watcher, second] = [await device(0, 'watcher'), await device(1, 'stranger')];
      await witnessOf(other, second);
      for (const { userId } of [other, second]) expect((await watch(watcher, userId))[0]).to.include({ online: false });
      const [a, b] = opener === 'watcher' ? [watcher, other] : [other, watcher];
      await eventually(async () => {
        // The signal reaches subscribers only: a user whose watch has just begun may have none.
        await openConversation(targetOf(1), a.userId, b.userId);
        await openConversation(targetOf(1), watcher.userId, newUser('again'));
        await eventually(() => expect(eventsOf(watcher, other)[0]).to.equal(true), 500);
      });
      other.close();
      await eventually(() => expect(eventsOf(watcher, other).at(-1)).to.equal(false));
      expect(eventsOf(watcher, second)).to.deep.equal([]);
    });
  }

  it('shows no user whose watch ended before the conversation was opened', async () => {
    const other = await device(1, 'other');
    const [stays, leaves] = [await device(0, 'watcher'), await device(0, 'watcher')];
    await witnessOf(other);
    for (const client of [stays, leaves]) await watch(client, other.userId);
    await leaves.socket.emitWithAck('unwatch_presence', { userIds: [other.userId] } as never);
    for (const { userId } of [leaves, stays]) await openConversation(targetOf(1), userId, other.userId);
    await eventually(async () => {
      await openConversation(targetOf(1), stays.userId, newUser('again'));
      await eventually(() => expect(eventsOf(stays, other)).to.include(true), 500);
    });
    expect(leaves.presence).to.deep.equal([]);
  });

  it('continues while Postgres is down; new watches are UNAVAILABLE and change nothing', async () => {
    const [known, other] = [await device(1, 'known'), await device(1, 'other')];
    const watcher = await witnessOf(known);
    await openConversation(targetOf(0), watcher.userId, other.userId);
    await cluster.postgres.kill();
    try {
      const refused = await ask(watcher, known.userId, other.userId);
      expect(refused).to.have.nested.property('error.code', 'UNAVAILABLE');
      expect(await watch(watcher, known.userId, watcher.userId)).to.have.length(2);
      known.close();
      other.close();
      await eventually(() => expect(eventsOf(watcher, known)).to.deep.equal([false]));
      expect(eventsOf(watcher, other)).to.deep.equal([]);
    } finally {
      await cluster.postgres.start();
    }
    await eventually(async () => expect(await watch(watcher, other.userId)).to.have.length(1));
  });
});
