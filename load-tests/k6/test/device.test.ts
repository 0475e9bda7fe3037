import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually, newUser, openConversation, startFaultProxy, startTestCluster } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { Server, type ServerOptions, type Socket } from 'socket.io';
import { Device, type DeviceOptions } from '../lib/device.ts';
import { readSettings } from '../lib/settings.ts';
import { tokenMaker } from '../lib/token.ts';
import { TestMeter } from './test-meter.ts';

/** A device on Node's WebSocket, and what it reports: `<seq>`, `<seq> by sync`, `acked <id>`, `refused <id> <code>`. */
function recordedDevice(options: Pick<DeviceOptions, 'url'> & Partial<DeviceOptions>) {
  const meter = new TestMeter();
  const log: string[] = [];
  const device = new Device(
    {
      user: 'alice',
      token: '',
      conversations: [],
      withGroups: false,
      openSocket: (url) => new WebSocket(url),
      ...options,
    },
    meter,
    {
      received: ({ seq }, bySync) => log.push(`${seq}${bySync ? ' by sync' : ''}`),
      acked: (id) => log.push(`acked ${id}`),
      refused: (id, code) => log.push(`refused ${id} ${code}`),
    },
  );
  return { device, meter, log, [Symbol.dispose]: () => device.close() };
}

/** The options of a device of `user`, as the setup of a run makes them. */
async function user(cluster: { url: string; jwtSecret: string }, name: string, ttlSeconds = 60) {
  const tokenOf = await tokenMaker(readSettings({ JWT_SECRET: cluster.jwtSecret }), ttlSeconds);
  return { url: cluster.url, user: name, token: await tokenOf(name) };
}

describe('k6: a device and a cluster', () => {
  it('sends, receives and reads, and syncs what it missed while it was cut', async () => {
    await using cluster = await startTestCluster();
    await using proxy = await startFaultProxy({ upstreams: [cluster.port] });
    const [a, b] = [newUser('a'), newUser('b')];
    const id = await openConversation(cluster, a, b);
    const url = `http://127.0.0.1:${proxy.port}`;
    using first = recordedDevice({ ...(await user(cluster, a)), conversations: [id] });
    using second = recordedDevice({ ...(await user(cluster, b)), url, conversations: [id] });
    // As soon as it is in sync, before it sends anything.
    second.device.cut();
    second.device.queue({ conversationId: id, content: 'two 🙂', clientMessageId: 'early' });
    for (const { device } of [first, second]) device.connect();
    await eventually(() => expect(second.log).to.include('acked early'));
    expect(second.meter.counts()).to.include({ chat_reconnects: 1 }).and.not.have.any.keys('chat_resent');
    await eventually(() => expect(first.log).to.deep.equal(['1']));
    first.device.markRead(id, 1);
    await eventually(() => expect(first.meter.counts()).to.include({ chat_reads: 1 }));

    proxy.set({ kind: 'reset' });
    await eventually(() => expect(second.device.isRecovering).to.equal(true));
    first.device.queue({ conversationId: id, content: 'three', clientMessageId: 'missed' });
    await eventually(() => expect(second.meter.counts().chat_failed_connects).to.be.at.least(1));
    proxy.set({ kind: 'pass' });
    await eventually(() => expect(second.device.isRecovering).to.equal(false));
    expect(second.log.at(-1)).to.equal('2 by sync');
    for (const { meter } of [first, second]) {
      expect(meter.counts()).to.not.have.any.keys('chat_duplicated', 'chat_out_of_order', 'chat_unreadable');
    }
    expect(second.meter.values('chat_connect_ms')).to.have.length(3);
    expect(second.meter.values('chat_recovery_ms')).to.have.length(2);
  });

  it('counts a refused token with its reason, and does not reconnect', async () => {
    await using cluster = await startTestCluster({ gatewayProcesses: 1 });
    using late = recordedDevice(await user(cluster, 'bob', -60));
    using none = recordedDevice({ url: cluster.url });
    for (const { device } of [late, none]) device.connect();
    await eventually(() =>
      expect(
        [late, none].map(({ meter }) => meter.counts()['chat_refused_connects{code:TOKEN_EXPIRED}']),
      ).to.deep.equal([1, undefined]),
    );
    await eventually(() => expect(none.meter.counts()['chat_refused_connects{code:TOKEN_MISSING}']).to.equal(1));
    expect(late.meter.counts()).to.not.have.any.keys('chat_failed_connects');
  });

  it('counts attempts that a full gateway refuses, and connects once there is room', async () => {
    await using cluster = await startTestCluster({ gatewayProcesses: 1, env: { MAX_CONNECTIONS: '1' } });
    using first = recordedDevice(await user(cluster, 'alice'));
    first.device.connect();
    await eventually(() => expect(first.device.isOpen).to.equal(true));
    using second = recordedDevice(await user(cluster, 'alice'));
    second.device.connect();
    await eventually(() => expect(second.meter.counts().chat_failed_connects).to.be.at.least(1));
    first.device.close();
    await eventually(() => expect(second.device.isOpen).to.equal(true));
  });
});

describe('k6: a device and a server that the test controls', () => {
  it('drops malformed packets and binary ones, and stays connected', async () => {
    await using server = await startServer();
    using one = recordedDevice({ url: server.url });
    one.device.connect();
    const [socket] = (await once(server.io, 'connection')) as [Socket];
    socket.conn.write('2["new_message"');
    socket.emit('file', Buffer.from('x'));
    await eventually(() => expect(one.meter.counts()).to.deep.equal({ chat_unreadable: 2 }));
    expect(socket.connected && one.device.isOpen).to.equal(true);
  });

  it('abandons a silent server after the times that the server announced', async () => {
    await using server = await startServer({ pingInterval: 50, pingTimeout: 100 });
    await using proxy = await startFaultProxy({ upstreams: [server.port] });
    using one = recordedDevice({ url: `http://127.0.0.1:${proxy.port}` });
    one.device.connect();
    await eventually(() => expect(one.device.isOpen).to.equal(true));
    proxy.set({ kind: 'blackhole' }, 'toClient');
    await eventually(() => expect(one.device.isRecovering).to.equal(true));
  });

  it('gives up a refused message, and reports it once', async () => {
    await using server = await startServer();
    const error = { code: 'OVERLOADED', message: '', retryable: true, retryAfterMs: 1 };
    let attempts = 0;
    server.io.on('connection', (socket) =>
      socket.on('send_message', (_, ack: (answer: object) => void) => {
        attempts++;
        ack({ ok: false, error });
      }),
    );
    using one = recordedDevice({ url: server.url });
    one.device.connect();
    for (const clientMessageId of ['1', '2']) one.device.queue({ conversationId: 'c', content: '', clientMessageId });
    await eventually(() => expect(one.log).to.deep.equal(['refused 1 OVERLOADED', 'refused 2 OVERLOADED']));
    expect([attempts, one.device.core.outbox.size]).to.deep.equal([2, 0]);
  });

  it('sends nothing more after it is closed, and leaves no connection when it is closed while it connects', async () => {
    await using server = await startServer();
    using one = recordedDevice({ url: server.url });
    one.device.connect();
    await eventually(() => expect(one.device.isLive).to.equal(true));
    one.device.close();
    one.device.markRead('c', 1);
    using early = recordedDevice({ url: server.url });
    early.device.connect();
    early.device.close();
    await eventually(() => expect(server.io.engine.clientsCount).to.equal(0));
    for (const { meter } of [one, early]) expect(meter.counts()).to.not.have.any.keys('chat_failed_connects');
  });
});

/** A Socket.IO server with the session and the `sync` of a gateway that has no messages. */
async function startServer(options: Partial<ServerOptions> = {}) {
  const http = createServer();
  const io = new Server(http, options);
  const feed = { conversations: [], since: 's', hasMore: false };
  const synced = { ok: true, epoch: 'e', conversations: [], notFound: [], unread: { conversations: [] }, feed };
  io.on('connection', (socket) => {
    socket.on('sync', (_, ack: (answer: object) => void) => ack(synced));
    socket.emit('session', { userId: 'alice', gatewayId: 'g', epoch: 'e' });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  return { io, port, url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: () => io.close() };
}
