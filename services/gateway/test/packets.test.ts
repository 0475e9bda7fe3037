import { createLogger } from '@chat-cluster/runtime';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { EventDispatcher, type Handlers } from '../src/socket/events/dispatch.ts';
import { rawPolling, rawWebsocket } from './raw-session.ts';
import { metric, rawToken, type SocketEdge, startSockets } from './socket-edge.ts';

const connectPacket = (user = 'alice') => `40${JSON.stringify({ token: rawToken(user) })}`;

async function expectClosed(edge: SocketEdge): Promise<void> {
  await eventually(() => expect([edge.io.engine.clientsCount, edge.io.of('/').sockets.size]).to.deep.equal([0, 0]));
}

describe('one socket per connection', () => {
  it('holds for CONNECT packets in one payload', async () => {
    await using edge = await startSockets();
    const cut = await metric('chat_connections_cut_total', { reason: 'second_connect' });
    let most = 0;
    edge.io.on('connection', () => {
      most = Math.max(most, edge.io.of('/').sockets.size);
    });
    const session = await rawPolling(edge);
    await session.send(...Array<string>(50).fill(connectPacket())).catch(() => {});
    await expectClosed(edge);
    expect(most).to.be.at.most(1);
    expect(await metric('chat_connections_cut_total', { reason: 'second_connect' })).to.equal(cut + 1);
  });

  for (const second of [connectPacket('bob'), '40/admin,', '40']) {
    it(`holds for a later packet ${second.slice(0, 9)}`, async () => {
      await using edge = await startSockets();
      const { socket, received, closed } = await rawWebsocket(edge);
      socket.send(connectPacket());
      await eventually(() => expect(received.at(-1)).to.match(/^40\{/));
      socket.send(second);
      await closed;
      await expectClosed(edge);
    });
  }

  it('holds before authentication: the second namespace closes the connection', async () => {
    await using edge = await startSockets();
    const { socket, closed } = await rawWebsocket(edge);
    for (const packet of ['40/a,', '40/b,']) socket.send(packet);
    await closed;
    await expectClosed(edge);
  });
});

describe('the count of packets', () => {
  const LIMITS = { RATE_LIMIT_PER_SECOND: '10', RATE_LIMIT_BURST: '100' };

  for (const [name, packet] of [
    ['pongs', '3'],
    ['noops', '6'],
    ['acks', '431[]'],
  ] as const) {
    it(`cuts a connection that floods ${name}`, async () => {
      await using edge = await startSockets(LIMITS);
      const session = await rawPolling(edge);
      await session.send(connectPacket());
      await eventually(() => expect(edge.io.of('/').sockets.size).to.equal(1));
      // The burst is free; as many again are ignored.
      expect(await session.send(...Array<string>(150).fill(packet))).to.equal(200);
      expect(edge.io.of('/').sockets.size).to.equal(1);
      await session.send(...Array<string>(200).fill(packet)).catch(() => {});
      await expectClosed(edge);
    });
  }

  it('cuts a connection that floods pings of the WebSocket protocol', async () => {
    await using edge = await startSockets(LIMITS);
    const tcp = edge.tcp().resume();
    tcp.write(
      'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n',
    );
    await eventually(() => expect(edge.io.engine.clientsCount).to.equal(1));
    tcp.write(Buffer.concat(Array<Buffer>(20).fill(Buffer.from([0x89, 0x80, 0, 0, 0, 0]))));
    await expectClosed(edge);
  });

  it('includes every event, also one with two payloads, and ends persistent abuse', async () => {
    await using edge = await startSockets(LIMITS);
    const cut = await metric('chat_connections_cut_total', { reason: 'rate_limit' });
    const handlers = { typing: async () => ({ ok: true }) } as unknown as Handlers;
    const dispatcher = new EventDispatcher({
      handlers,
      logger: createLogger({ name: 'test', level: 'fatal', format: 'json' }),
    });
    edge.io.on('connection', (socket) => dispatcher.attach(socket));
    const { socket, received, closed } = await rawWebsocket(edge);
    socket.send(connectPacket());
    await eventually(() => expect(received.at(-1)).to.match(/^40/));
    for (let id = 0; id < 150; id++) socket.send(`42${id}["typing",{},{}]`);
    const count = (code: string) => received.filter((packet) => packet.includes(`"code":"${code}"`)).length;
    await eventually(() => expect(received).to.have.length(152));
    expect(count('VALIDATION_FAILED')).to.be.within(100, 110);
    expect(count('RATE_LIMITED')).to.be.within(40, 50);
    for (let id = 0; id < 200; id++) socket.send(`42${id}["typing",{},{}]`);
    await closed;
    expect(await metric('chat_connections_cut_total', { reason: 'rate_limit' })).to.equal(cut + 1);
  });

  it('cuts a stranger after a few packets', async () => {
    await using edge = await startSockets();
    const session = await rawPolling(edge);
    await session.send(...Array<string>(20).fill('3')).catch(() => {});
    await expectClosed(edge);
  });
});
