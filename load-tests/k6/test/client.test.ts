import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Message, SendAck } from '@chat-cluster/contracts';
import {
  eventually,
  LeanClient,
  newUser,
  openConversation,
  startFaultProxy,
  startTestCluster,
  type TestCluster,
} from '@chat-cluster/testkit';
import { expect } from 'chai';
import { Server, type ServerOptions, type Socket } from 'socket.io';
import { Device } from '../lib/device.js';
import type { TokenOptions } from '../lib/token.js';
import { tokenMaker } from '../lib/token.js';
import { recordedClient } from './recorded-client.ts';
import { TestMeter } from './test-meter.ts';

describe('k6: the client library and a cluster', () => {
  let cluster: TestCluster;

  before(async () => {
    cluster = await startTestCluster();
  });

  after(() => cluster.stop());

  const connect = async (user: string, options: Partial<TokenOptions> = {}, url = cluster.url) => {
    const tokenOf = await tokenMaker({ secret: cluster.jwtSecret, ...options });
    return recordedClient({ url, auth: { token: await tokenOf(user) } });
  };

  /** Two clients on different gateways: connects again until the load balancer chooses two. */
  const connectApart = (users: readonly [string, string]) =>
    eventually(async () => {
      const pair = await Promise.all(users.map((user) => connect(user)));
      const gateways = await eventually(() => pair.map(({ events }) => gatewayOf(events)));
      if (new Set(gateways).size === 2) return pair;
      for (const { client } of pair) client.close();
      throw new Error('both on one gateway');
    });

  it('connects with its token, and gets the session and the badge', async () => {
    using alice = await connect('alice');
    await eventually(() =>
      expect(alice.events.map(({ name }) => name)).to.include.members(['session', 'unread_count']),
    );
    expect(alice.events.find(({ name }) => name === 'session')?.args[0]).to.include({ userId: 'alice' });
    expect(alice.log).to.deep.equal(['connected']);
  });

  it('gets the reason for a refused token, and does not reconnect', async () => {
    using forged = await connect('mallory', { secret: 'the secret of another cluster, as long as this one' });
    using late = await connect('bob', { ttlSeconds: -60 });
    using none = recordedClient({ url: cluster.url });
    for (const [one, code] of [
      [forged, 'TOKEN_INVALID'],
      [late, 'TOKEN_EXPIRED'],
      [none, 'TOKEN_MISSING'],
    ] as const)
      await eventually(() => expect(one.log).to.deep.equal([`refused ${code}`, 'closed']));
  });

  it('sends with acks, and receives the messages of a user on another gateway', async () => {
    const users = [newUser('a'), newUser('b')] as const;
    const conversationId = await openConversation(cluster, ...users);
    const [a, b] = await connectApart(users);
    if (!a || !b) throw new Error('no pair');
    using _a = a;
    using _b = b;
    for (const content of ['one', 'two 🙂']) {
      const { answer } = await a.call('send_message', { conversationId, content, clientMessageId: content });
      expect((answer as SendAck).message).to.include({ content, senderId: users[0] });
    }
    const { answer: read } = await b.call('read_messages', { conversationId, upToSeq: 2 });
    expect(read).to.deep.include({ ok: true, upToSeq: 2, unread: { count: 0 } });
    const received = ({ events }: typeof a) =>
      events.filter(({ name }) => name === 'new_message').map(({ args }) => (args[0] as Message).seq);
    for (const one of [a, b]) await eventually(() => expect(received(one)).to.deep.equal([1, 2]));
    const { answer: refused } = await a.call('send_message', { conversationId, content: '' });
    expect(refused).to.deep.include({ ok: false }).and.have.nested.property('error.code', 'VALIDATION_FAILED');
  });

  it('reconnects after its connection was cut, by the network or by itself', async () => {
    await using proxy = await startFaultProxy({ upstreams: [cluster.port] });
    using alice = await connect('alice', {}, `http://127.0.0.1:${proxy.port}`);
    await eventually(() => expect(alice.log).to.deep.equal(['connected']));
    proxy.set({ kind: 'reset' });
    await eventually(() => expect(alice.log).to.include('failed 1'));
    expect(alice.log.slice(0, 3)).to.deep.equal(['connected', 'disconnected transport error', 'failed 1']);
    expect(alice.client.emit('typing', {}), 'sends nothing while disconnected').to.equal(false);
    proxy.set({ kind: 'pass' });
    await eventually(() => expect(alice.log.at(-1)).to.equal('connected'));
    alice.client.cut();
    await eventually(() => expect(alice.log.slice(-2)).to.deep.equal(['disconnected cut', 'connected']));
    const { answer } = await alice.call('sync', { conversations: [] });
    expect(answer).to.deep.include({ ok: true });
  });

  it('cuts a device that is not yet in sync once it is', async () => {
    const meter = new TestMeter();
    const acked: string[] = [];
    const [user, peer] = [newUser('early'), newUser('peer')];
    const conversationId = await openConversation(cluster, user, peer);
    const device = new Device(
      {
        ...{ url: cluster.url, user, conversations: [conversationId], ackTimeoutMs: 10_000 },
        ...{ token: await (await tokenMaker({ secret: cluster.jwtSecret }))(user), now: () => performance.now() },
        ...{ openSocket: (url) => new WebSocket(url), random: () => 0 },
      },
      meter,
      { acked: (id) => acked.push(id), received() {}, refused() {}, unanswered() {} },
    );
    device.cut();
    device.send({ conversationId, content: 'hello', clientMessageId: 'first' });
    device.connect();
    await eventually(() => expect(acked).to.deep.equal(['first']));
    expect(meter.counts())
      .to.include({ chat_reconnects: 1 })
      .and.not.have.any.keys('chat_resent', 'chat_failed_connects');
    expect(meter.values('chat_connect_ms')).to.have.length(2);
    device.close();
  });

  it('ends its session when it is closed, and sends nothing more', async () => {
    const alice = await connect('alice');
    await eventually(() => expect(alice.client.connected).to.equal(true));
    const pending = alice.call('sync', { conversations: [] });
    alice.client.close();
    expect(await pending).to.deep.equal({ error: 'disconnected', answer: undefined });
    expect(alice.log).to.deep.equal(['connected', 'disconnected io client disconnect', 'closed']);
    expect(alice.client.call('sync', {}, () => {})).to.equal(false);
  });
});

describe('k6: the client library and a full gateway', () => {
  it('is refused with 503 at the upgrade, and connects once there is room', async () => {
    await using cluster = await startTestCluster({ gatewayProcesses: 1, env: { MAX_CONNECTIONS: '1' } });
    const token = await (await tokenMaker({ secret: cluster.jwtSecret }))('alice');
    using first = recordedClient({ url: cluster.url, auth: { token } });
    await eventually(() => expect(first.client.connected).to.equal(true));
    const status = await new Promise((closed) => new LeanClient({ url: cluster.url, token }, { event() {}, closed }));
    expect(status).to.equal('HTTP 503');
    using second = recordedClient({ url: cluster.url, auth: { token } });
    await eventually(() => expect(second.log).to.deep.equal(['failed 0', 'failed 1']));
    first.client.close();
    await eventually(() => expect(second.log.at(-1)).to.equal('connected'));
  });
});

describe('k6: the client library and a Socket.IO server', () => {
  it('answers every ping', async () => {
    await using server = await startServer({ pingInterval: 30, pingTimeout: 2_000 });
    let pongs = 0;
    server.io.on('connection', ({ conn }) => conn.on('heartbeat', () => pongs++));
    using one = recordedClient({ url: server.url });
    await eventually(() => expect(pongs).to.be.at.least(10));
    expect(one.log).to.deep.equal(['connected']);
  });

  it('abandons a silent server after the times that the server announced', async () => {
    await using server = await startServer({ pingInterval: 50, pingTimeout: 100 });
    await using proxy = await startFaultProxy({ upstreams: [server.port] });
    using one = recordedClient({ url: `http://127.0.0.1:${proxy.port}` });
    await eventually(() => expect(one.log).to.deep.equal(['connected']));
    proxy.set({ kind: 'blackhole' }, 'toClient');
    await eventually(() => expect(one.log[1]).to.equal('disconnected ping timeout'));
    proxy.set({ kind: 'reset' });
    proxy.set({ kind: 'pass' });
    await eventually(() => expect(one.log.at(-1)).to.equal('connected'));
  });

  it('reports an ack that is late, and drops it when it comes', async () => {
    await using server = await startServer();
    const late: (() => void)[] = [];
    server.io.on('connection', (socket) => {
      socket.on('slow', (_, ack: () => void) => late.push(ack));
      socket.on('quick', (n: number, ack: (answer: number) => void) => ack(n));
    });
    using one = recordedClient({ url: server.url, ackTimeoutMs: 100 });
    await eventually(() => expect(one.client.connected).to.equal(true));
    const answers = await Promise.all([one.call('slow', 1), one.call('quick', 2), one.call('slow', 3)]);
    expect(answers.map(({ error }) => error)).to.deep.equal(['timeout', undefined, 'timeout']);
    for (const ack of late) ack();
    expect(await one.call('quick', 4)).to.deep.equal({ error: undefined, answer: 4 });
  });

  it('answers events that request an ack', async () => {
    await using server = await startServer();
    using _one = recordedClient({ url: server.url }, (_, args, reply) => reply('received', ...args));
    const [socket] = (await once(server.io, 'connection')) as [Socket];
    expect(await socket.timeout(2_000).emitWithAck('question', 7)).to.equal('received');
  });

  it('drops binary packets and stays connected', async () => {
    await using server = await startServer();
    server.io.on('connection', (socket) => {
      socket.emit('file', Buffer.from('x'));
      socket.emit('text', 'y');
    });
    using one = recordedClient({ url: server.url });
    await eventually(() => expect(one.events).to.deep.equal([{ name: 'text', args: ['y'] }]));
    expect(one.log).to.deep.equal(['connected', 'unreadable binary attachments', 'unreadable a binary message']);
  });

  it('does not reconnect after a disconnect packet, but after the end of a connection', async () => {
    await using server = await startServer();
    using one = recordedClient({ url: server.url });
    const [first] = (await once(server.io, 'connection')) as [Socket];
    first.conn.close();
    await eventually(() => expect(one.log).to.deep.equal(['connected', 'disconnected transport close', 'connected']));
    server.io.disconnectSockets();
    await eventually(() => expect(one.log.slice(3)).to.deep.equal(['disconnected io server disconnect', 'closed']));
  });

  it('ends at once without the reconnect option, and when it is closed while it connects', async () => {
    await using server = await startServer();
    using once = recordedClient({ url: server.url, reconnect: false });
    await eventually(() => expect(once.client.connected).to.equal(true));
    once.client.cut();
    expect(once.log).to.deep.equal(['connected', 'disconnected cut', 'closed']);
    const early = recordedClient({ url: server.url });
    early.client.close();
    expect(early.log).to.deep.equal(['closed']);
    await eventually(() => expect(server.io.engine.clientsCount).to.equal(0));
  });

  it('abandons an attempt that leads to no session', async () => {
    const silent = createServer();
    silent.on('upgrade', (_, socket) => silent.once('close', () => socket.destroy()));
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    using one = recordedClient({ url, connectTimeoutMs: 50 });
    await eventually(() => expect(one.log).to.deep.equal(['failed 0', 'failed 1']));
    one.client.close();
    silent.close();
    silent.emit('close');
  });
});

/** A plain Socket.IO server on a free port. */
async function startServer(options: Partial<ServerOptions> = {}) {
  const http = createServer();
  const io = new Server(http, options);
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  return { io, port, url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: () => io.close() };
}

function gatewayOf(events: readonly { name: string; args: unknown[] }[]): string {
  const session = events.find(({ name }) => name === 'session')?.args[0] as { gatewayId: string } | undefined;
  if (!session) throw new Error('no session yet');
  return session.gatewayId;
}
