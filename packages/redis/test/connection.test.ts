import { connectRedis, disconnectRedis } from '@chat-cluster/redis';
import { eventually, privateServers, startFaultProxy } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { memoryLogger } from './clients.ts';
import { ownRedis } from './own-redis.ts';

describe('a connection to Redis', () => {
  it('has the name of its role', async () => {
    const { redis } = await privateServers();
    const client = await connectRedis(redis.url, 'produce', memoryLogger().logger);
    expect(await client.clientGetName()).to.equal('chat-produce');
    await disconnectRedis(client);
  });

  it('waits for a Redis that is not there, survives an outage, and logs each outage once', async () => {
    await using server = await ownRedis();
    await server.stop();
    const { logger, lines } = memoryLogger();
    // A server that starts may refuse commands while it loads its data: another line of the same outage.
    const logged = () =>
      lines.map(({ level, text }) => [level, text]).filter(([, text]) => !text?.includes('loading its data'));
    const outage = [
      ['warn', 'redis: connection lost, reconnecting'],
      ['info', 'redis: connection restored'],
    ];
    const connecting = connectRedis(server.url, 'publish', logger);
    await eventually(() => expect(lines).to.have.length(1));
    await server.restart();
    const client = await connecting;
    expect(await client.ping()).to.equal('PONG');
    await eventually(() => expect(logged()).to.deep.equal(outage));

    await server.stop();
    await eventually(() => expect(client.isReady).to.equal(false));
    const failed = await client.ping().catch((error: Error) => error);
    expect(failed).to.be.an('error');
    await server.restart();
    await eventually(async () => expect(await client.ping()).to.equal('PONG'));
    await eventually(() => expect(logged()).to.deep.equal([...outage, ...outage]));
    await disconnectRedis(client);
  });

  it('keeps the commands of a subscriber and of a consumer until Redis is back', async () => {
    await using server = await ownRedis();
    const roles = ['subscribe', 'consume'] as const;
    const waiting = await Promise.all(roles.map((role) => connectRedis(server.url, role, memoryLogger().logger)));
    await server.stop();
    await eventually(() => expect(waiting.map((client) => client.isReady)).to.deep.equal([false, false]));
    const answers = waiting.map((client) => client.echo('waited'));
    await server.restart();
    expect(await Promise.all(answers)).to.deep.equal(['waited', 'waited']);
    await Promise.all(waiting.map(disconnectRedis));
  });

  it('can be closed twice, also while Redis is away', async () => {
    await using server = await ownRedis();
    const client = await connectRedis(server.url, 'subscribe', memoryLogger().logger);
    await server.stop();
    await eventually(() => expect(client.isReady).to.equal(false));
    await disconnectRedis(client);
    await disconnectRedis(client);
    expect(client.isOpen).to.equal(false);
  });

  it('closes soon while Redis hangs, and rejects the commands that wait', async () => {
    await using server = await ownRedis();
    const client = await connectRedis(server.url, 'consume', memoryLogger().logger);
    server.hang();
    try {
      const waiting = client.ping().catch((error: Error) => error);
      await disconnectRedis(client);
      expect(client.isOpen).to.equal(false);
      expect(await waiting).to.be.an('error');
    } finally {
      server.resume();
    }
  });

  it('detects soon that Redis hangs, and that it responds again', async () => {
    await using server = await ownRedis();
    const client = await connectRedis(server.url, 'produce', memoryLogger().logger);
    const changes: boolean[] = [];
    client.pulse.onChange((answers) => changes.push(answers));
    try {
      expect(client.pulse.answers).to.equal(true);
      server.hang();
      await eventually(() => expect(changes).to.deep.equal([false]));
      expect([client.pulse.answers, client.isReady]).to.deep.equal([false, true]);
      server.resume();
      await eventually(() => expect(changes).to.deep.equal([false, true]));
      await server.stop();
      await eventually(() => expect(changes).to.deep.equal([false, true, false]));
      await server.restart();
      await eventually(() => expect(client.pulse.answers).to.equal(true));
    } finally {
      server.resume();
      await disconnectRedis(client);
    }
  });

  it('is replaced when its packets are lost, even while it writes; commands in progress are rejected', async () => {
    await using server = await ownRedis();
    const url = new URL(server.url);
    await using proxy = await startFaultProxy({ upstreams: [Number(url.port)] });
    url.port = String(proxy.port);
    const { logger, lines } = memoryLogger();
    const client = await connectRedis(url.href, 'consume', logger);
    const received: string[] = [];
    await client.sSubscribe('news', (text) => received.push(text));
    proxy.set({ kind: 'blackhole' });
    const writing = setInterval(() => void client.ping().catch(() => {}), 100);
    const waiting = client.echo('lost').catch((error: Error) => error);
    try {
      expect(await waiting).to.be.an('error');
      expect(lines.map(({ text }) => text)).to.include('redis: no answer, reconnecting');
      proxy.set({ kind: 'pass' });
      await eventually(async () => expect(await client.echo('here')).to.equal('here'));
      const direct = await connectRedis(server.url, 'publish', logger);
      await direct.sPublish('news', 'still subscribed');
      await eventually(() => expect(received).to.deep.equal(['still subscribed']));
      await disconnectRedis(direct);
    } finally {
      clearInterval(writing);
      await disconnectRedis(client);
    }
  });

  it('of a producer detects a Redis that is full, and keeps the connection', async () => {
    await using server = await ownRedis();
    const { logger, lines } = memoryLogger();
    const [produce, other] = [
      await connectRedis(server.url, 'produce', logger),
      await connectRedis(server.url, 'cache', logger),
    ];
    try {
      await other.configSet('maxmemory', '1');
      await eventually(() => expect([produce.pulse.answers, other.pulse.answers]).to.deep.equal([false, true]));
      await other.configSet('maxmemory', '0');
      await eventually(() => expect(produce.pulse.answers).to.equal(true));
      expect(produce.isReady).to.equal(true);
      await eventually(() => expect(lines).to.have.length(2));
      expect(lines[0]).to.deep.include({
        level: 'warn',
        text: 'redis: the server is full and rejects writes, retrying',
      });
      expect(lines[0]?.fields.remedy).to.include('maxmemory');
      expect(lines[1]?.text).to.equal('redis: connection restored');
    } finally {
      await Promise.all([disconnectRedis(produce), disconnectRedis(other)]);
    }
  });
});
