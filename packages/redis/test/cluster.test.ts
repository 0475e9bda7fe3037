import { randomBytes } from 'node:crypto';
import type { UserId } from '@chat-cluster/contracts';
import { createFanout, parseClusterUrl, type RedisClient, roomChannel } from '@chat-cluster/redis';
import { type ClusterMember, eventually, type RedisCluster, startRedisCluster } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { slotOf } from '../src/pubsub/slot.ts';
import { memoryLogger, newClients } from './clients.ts';
import { PECULIAR_IDS } from './emitted.ts';
import { type Device, type Gateway, startGateway } from './gateways.ts';

const newUser = () => `user-${randomBytes(6).toString('hex')}` as UserId;

describe('pub/sub on a Redis Cluster', () => {
  let healthy: RedisCluster;
  let cluster: RedisCluster;
  let clients: ReturnType<typeof newClients>;
  let gateway: Gateway;
  let fanout: ReturnType<typeof createFanout>;

  before(async () => {
    healthy = await startRedisCluster();
  });
  after(() => healthy[Symbol.asyncDispose]());

  beforeEach(() => use(healthy));
  afterEach(async () => {
    await gateway.close();
    await clients.close();
  });

  async function use(one: RedisCluster): Promise<void> {
    cluster = one;
    clients = newClients();
    gateway = await startGateway(await clients.pubsub(cluster.url));
    fanout = createFanout((await clients.pubsub(cluster.url)).publisher, memoryLogger().logger);
  }

  /** Switches to a new cluster with replicas, for a test that stops servers. */
  async function useOwn(): Promise<RedisCluster> {
    await gateway.close();
    await clients.close();
    const own = await startRedisCluster({ replicas: true });
    await use(own);
    return own;
  }

  /** A device in the rooms of `size` users, which are spread over all servers. */
  async function crowd(size: number): Promise<{ device: Device; users: UserId[] }> {
    const device = await gateway.device();
    const users = Array.from({ length: size }, newUser);
    await device.socket.join(users);
    await Promise.all(users.map((user) => gateway.subscribed(user)));
    return { device, users };
  }

  const emit = (users: readonly UserId[], count: number) =>
    fanout.unreadCounts(users.map((userId) => ({ userId, unread: { count } })));
  const receivedOf = (device: Device, count: number) =>
    device.events.filter(
      ([event, payload]) => event === 'unread_count' && (payload as { count: number }).count === count,
    );

  async function receivesAll({ device, users }: { device: Device; users: UserId[] }, count: number): Promise<void> {
    // A restarted server may accept emits before its subscribers are back, so emits that were not received are
    // repeated.
    let next = 1_000 * count;
    await eventually(async () => {
      const mark = next++;
      await emit(users, mark);
      await eventually(() => expect(receivedOf(device, mark)).to.have.length.at.least(users.length), 10_000);
    });
  }

  async function commands(member: ClusterMember, command: string): Promise<number> {
    const stats = String(await member.ask('INFO', 'commandstats'));
    return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
  }

  it('spreads rooms over its servers; each message passes through one of them', async () => {
    const all = await crowd(300);
    await receivesAll(all, 1);
    expect(all.device.events).to.have.length(300);
    const published = await Promise.all(cluster.primaries.map((primary) => commands(primary, 'spublish')));
    for (const count of published) expect(count).to.be.within(50, 150);
    expect(published.reduce((sum, count) => sum + count)).to.equal(300);
  });

  it('spreads rooms as its servers do, whatever the ids of users contain', async () => {
    const device = await gateway.device();
    await device.socket.join(PECULIAR_IDS);
    for (const user of PECULIAR_IDS) {
      const slot = await cluster.primaries[0]?.ask('CLUSTER', 'KEYSLOT', roomChannel(user));
      expect(slotOf(roomChannel(user)), user).to.equal(Number(slot));
    }
    await Promise.all(PECULIAR_IDS.map((user) => gateway.subscribed(user)));
    await emit(PECULIAR_IDS, 6);
    await eventually(() => expect(receivedOf(device, 6)).to.have.length(PECULIAR_IDS.length));
  });

  it('unsubscribes from a room when its last socket leaves', async () => {
    const [user] = (await crowd(1)).users as [UserId];
    const owner = await clients.connect('cache', ownerOf(cluster, roomChannel(user)).url);
    expect(await subscribers(owner, user)).to.equal(1);
    gateway.io.disconnectSockets(true);
    await eventually(async () => expect(await subscribers(owner, user)).to.equal(0));
  });

  it('continues at a replica that takes over, and reports a gap', async () => {
    await using own = await useOwn();
    const all = await crowd(60);
    let gaps = 0;
    gateway.onGap(() => gaps++);
    await own.primaries[0]?.kill();
    await eventually(() => expect(gaps).to.be.greaterThan(0));
    await receivesAll(all, 2);
  });

  it('reaches all other users while a server is away, and all users when it is back', async () => {
    await using own = await useOwn();
    const all = await crowd(60);
    const [victim] = own.primaries as [ClusterMember];
    const missed = all.users.filter((user) => ownerOf(cluster, roomChannel(user)) === victim);
    await own.replicas[0]?.kill();
    await victim.kill();
    const rejected = eventually(async () => {
      const failure = await emit(all.users, 3).catch((error: Error) => error.message);
      expect(failure).to.match(new RegExp(`^${missed.length} badges were not published`));
    });
    await rejected;
    await eventually(() => expect(receivedOf(all.device, 3)).to.have.length.at.least(60 - missed.length));
    await victim.start();
    await receivesAll(all, 4);
  });

  it('follows a slot that moves to another server', async () => {
    const all = await crowd(20);
    const [user] = all.users as [UserId];
    const from = ownerOf(cluster, roomChannel(user));
    const to = cluster.primaries.find((primary) => primary !== from) as ClusterMember;
    let gaps = 0;
    gateway.onGap(() => gaps++);
    const slot = String(slotOf(roomChannel(user)));
    // As redis-cli does it: without the state of an import, the new owner would not take a new epoch, and the third server
    // could return the slot to the old one.
    await to.ask('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id);
    await from.ask('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id);
    for (const member of [to, from]) expect(await member.ask('CLUSTER', 'SETSLOT', slot, 'NODE', to.id)).to.match(/OK/);
    await eventually(() => expect(gaps).to.be.greaterThan(0));
    await receivesAll(all, 5);
    expect(await subscribers(await clients.connect('cache', to.url), user)).to.equal(1);
  });
});

async function subscribers(server: RedisClient, user: UserId): Promise<number | undefined> {
  return Object.values(await server.pubSubShardNumSub([roomChannel(user)]))[0];
}

function ownerOf(cluster: RedisCluster, channel: string): ClusterMember {
  return cluster.primaries[Math.floor((slotOf(channel) * 3) / 16_384)] as ClusterMember;
}

describe('the URL of a Redis Cluster', () => {
  it('names some servers, which name the others', () => {
    expect(parseClusterUrl('redis+cluster://app:p%40ss@one:7000,[::1]:7001,three')).to.deep.equal({
      scheme: 'redis',
      credentials: 'app:p%40ss@',
      seeds: [
        { host: 'one', port: 7_000 },
        { host: '::1', port: 7_001 },
        { host: 'three', port: 6_379 },
      ],
    });
    expect(parseClusterUrl('rediss+cluster://one').scheme).to.equal('rediss');
    expect(() => parseClusterUrl('redis+cluster://')).to.throw('the URL of a Redis Cluster is redis+cluster://');
  });
});
