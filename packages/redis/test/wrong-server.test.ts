import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlockingClient, createFanout, type RedisClient } from '@chat-cluster/redis';
import {
  askRedis,
  eventually,
  type RedisBehindAddress,
  startFaultProxy,
  startRedisBehindAddress,
  startRedisCluster,
} from '@chat-cluster/testkit';
import { expect } from 'chai';
import { memoryLogger, newClients } from './clients.ts';
import { newUser } from './emitted.ts';
import { startGateway } from './gateways.ts';
import { ownRedis } from './own-redis.ts';

/** Time from the failover until everything is back, in ms. */
const BACK_WITHIN_MS = 10_000;

describe('a Redis behind one plain address', () => {
  let folder: string;
  let redis: RedisBehindAddress;
  let clients: ReturnType<typeof newClients>;
  let log: ReturnType<typeof memoryLogger>;
  const connect = (role: Parameters<typeof clients.connect>[0]) => clients.connect(role, redis.url, log.logger);
  const textsOf = (role: string) => log.lines.filter(({ fields }) => fields.role === role).map(({ text }) => text);

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'chat-failover-test-'));
    redis = await startRedisBehindAddress(folder);
  });
  after(async () => {
    await redis?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(() => {
    clients = newClients();
    log = memoryLogger();
  });
  afterEach(() => clients.close());

  it('fails over, and the connections of every purpose follow although the old server keeps them', async () => {
    const roles = ['publish', 'subscribe', 'produce', 'consume', 'cache'] as const;
    const all = await Promise.all(roles.map(connect));
    const [publish, subscribe, produce, consume] = all as [RedisClient, RedisClient, RedisClient, RedisClient];
    const moves: string[] = [];
    const backs: string[] = [];
    for (const [i, client] of all.entries()) {
      client.onMoved(() => moves.push(roles[i] ?? ''));
      client.onBack(() => backs.push(roles[i] ?? ''));
    }
    const received: string[] = [];
    await subscribe.sSubscribe('news', (text) => received.push(text));
    // As BullMQ's: a duplicate whose commands block.
    const duplicate = consume.duplicate();
    duplicate.on('error', () => {});
    await duplicate.connect();
    const blocking = new BlockingClient(publish);
    await blocking.run((client) => client.ping());
    try {
      await redis.failOver({ demoteAfterMs: 100 });
      await eventually(async () => expect(await redis.clientsOfReplica()).to.deep.equal([]), BACK_WITHIN_MS);
      await eventually(() => expect(all.map(({ pulse }) => pulse.answers)).to.not.include(false), BACK_WITHIN_MS);
      for (const client of [...all, duplicate]) await client.set('key', 'written');
      await blocking.run((client) => client.set('key', 'written'));
      await publish.sPublish('news', 'hello');
      await eventually(() => expect(received).to.deep.equal(['hello']));
      await eventually(() => expect([...moves].sort()).to.deep.equal([...roles].sort()));
      expect([...backs].sort()).to.deep.equal([...roles].sort());
      const lines = log.lines.filter(({ fields }) => fields.role === 'produce');
      expect(lines.map(({ text }) => text)).to.deep.equal([
        'redis: the server is a replica and rejects writes, retrying',
        'redis: connection restored',
      ]);
      expect(lines[0]?.fields.remedy).to.include('make the address lead to the primary');
      expect(produce.isReady).to.equal(true);
    } finally {
      blocking.close();
      duplicate.destroy();
    }
  });

  it('fails over, and devices get sync_required: from their gateway, and for the emits of a worker that came late', async () => {
    const gateway = await startGateway(await clients.pubsub(redis.url));
    try {
      const fanout = createFanout((await clients.pubsub(redis.url)).publisher, log.logger);
      const user = newUser('b');
      const device = await gateway.device();
      await device.socket.join(user);
      await gateway.subscribed(user);
      let gaps = 0;
      gateway.onGap(() => gaps++);
      await redis.failOver();
      // Its own gap, and the one of the worker.
      await eventually(() => expect(gaps).to.equal(2), BACK_WITHIN_MS);
      await fanout.unreadCounts([{ userId: user, unread: { count: 7 } }]);
      await eventually(() => expect(device.events).to.deep.include(['unread_count', { count: 7 }]));
    } finally {
      await gateway.close();
    }
  });

  it('that leads to a replica is of no use, and a moment later, when it leads to the primary, it is', async () => {
    redis.leadTo('replica');
    const waiting = await Promise.all([connect('produce'), connect('subscribe')]);
    await eventually(() => expect(waiting.map(({ pulse }) => pulse.answers)).to.deep.equal([false, false]));
    redis.leadTo('primary');
    await eventually(
      () => expect(waiting.map(({ pulse }) => pulse.answers)).to.deep.equal([true, true]),
      BACK_WITHIN_MS,
    );
    expect(await redis.clientsOfReplica()).to.deep.equal([]);
    expect(textsOf('subscribe')).to.deep.equal([
      'redis: the server is a replica and rejects writes, retrying',
      'redis: connection restored',
    ]);
  });

  it('that was cut off from its replicas is left for the primary that has them', async () => {
    const produce = await connect('produce');
    const old = redis.primaryUrl;
    await askRedis(old, 'CONFIG', 'SET', 'min-replicas-to-write', '2');
    try {
      await eventually(() => expect(textsOf('produce')).to.have.length(1));
      expect(textsOf('produce')[0]).to.include('min-replicas-to-write');
      await eventually(() => expect(produce.pulse.answers).to.equal(false));
    } finally {
      await askRedis(old, 'CONFIG', 'SET', 'min-replicas-to-write', '0');
    }
    await eventually(() => expect(produce.pulse.answers).to.equal(true), BACK_WITHIN_MS);
  });

  it('that accepts connections and sends nothing is used within seconds of its return', async () => {
    await using link = await startFaultProxy({ upstreams: [Number(new URL(redis.primaryUrl).port)] });
    link.set({ kind: 'blackhole' });
    const url = new URL(redis.url);
    url.port = String(link.port);
    const connecting = clients.connect('produce', url.href, log.logger);
    // The first attempt ends.
    await eventually(() => expect(textsOf('produce')).to.deep.equal(['redis: connection lost, reconnecting']));
    link.set({ kind: 'pass' });
    const client = await connecting;
    await eventually(() => expect(client.pulse.answers).to.equal(true), BACK_WITHIN_MS);
  });
});

describe('a Redis that refuses', () => {
  let clients: ReturnType<typeof newClients>;
  let log: ReturnType<typeof memoryLogger>;
  beforeEach(() => {
    clients = newClients();
    log = memoryLogger();
  });
  afterEach(() => clients.close());
  const logged = (text: RegExp, remedy: RegExp) =>
    eventually(() => {
      const line = log.lines.find((one) => text.test(one.text));
      expect(line?.fields.remedy).to.match(remedy);
    });

  it('a rotated password: the log names the remedy, and the old password is accepted again without a restart', async () => {
    await using server = await ownRedis();
    const client = await clients.connect('cache', server.url, log.logger);
    const rotated = new URL(server.url);
    rotated.password = 'rotated';
    await askRedis(server.url, 'CONFIG', 'SET', 'requirepass', 'rotated');
    await askRedis(rotated.href, 'CLIENT', 'KILL', 'TYPE', 'normal');
    await logged(/does not accept the user and password/, /REDIS_… URL/);
    await askRedis(rotated.href, 'CONFIG', 'SET', 'requirepass', new URL(server.url).password);
    await eventually(async () => expect(await client.ping()).to.equal('PONG'));
  });

  it('a right that its user lacks', async () => {
    await using server = await ownRedis();
    await askRedis(server.url, 'ACL', 'SETUSER', 'poor', 'on', '>poor', '~chat:*', '+@all', '-set');
    const url = new URL(server.url);
    url.username = url.password = 'poor';
    const client = await clients.connect('produce', url.href, log.logger);
    await logged(/too few rights/, /redis\.acl/);
    await eventually(() => expect(client.pulse.answers).to.equal(false));
    await askRedis(server.url, 'ACL', 'SETUSER', 'poor', '+set');
    await eventually(() => expect(client.pulse.answers).to.equal(true));
  });

  it('writes, because its disk fails', async () => {
    await using server = await ownRedis();
    await askRedis(server.url, 'CONFIG', 'SET', 'appendonly', 'no');
    await askRedis(server.url, 'CONFIG', 'SET', 'save', '3600 1');
    const client = await clients.connect('produce', server.url, log.logger);
    await server.loseFolder();
    await askRedis(server.url, 'BGSAVE');
    await logged(/cannot save its data/, /disk/);
    await eventually(() => expect(client.pulse.answers).to.equal(false));
    await askRedis(server.url, 'CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'no');
    await eventually(() => expect(client.pulse.answers).to.equal(true));
  });

  it('to be a single server, because it belongs to a Redis Cluster', async () => {
    await using cluster = await startRedisCluster();
    await clients.connect('produce', cluster.primaries[0]?.url, log.logger);
    await logged(/belongs to a Redis Cluster/, /redis\+cluster/);
  });
});
