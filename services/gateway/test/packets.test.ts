import { createLogger } from '@chat-cluster/runtime';
import { eventually } from '@chat-cluster/testkit';
import { frame, OPCODE, upgrade } from '@chat-cluster/testkit/wire';
import { expect } from 'chai';
import { EventDispatcher, type Handlers } from '../src/socket/events/dispatch.ts';
import { rawPolling, rawWebsocket } from './raw-session.ts';
import { metric, rawToken, type SocketEdge, startSockets } from './socket-edge.ts';

const FIN = 0x80;
const connectPacket = (user = 'alice') => `40${JSON.stringify({ token: rawToken(user) })}`;

async function expectClosed(edge: SocketEdge): Promise<void> {
  await eventually(() => expect([edge.io.engine.clientsCount, edge.io.of('/').sockets.size]).to.deep.equal([0, 0]));
}

/** What ends the connection is the reason, and not a time limit. */
async function expectCut(edge: SocketEdge, reason: string, attack: () => Promise<unknown>): Promise<void> {
  const cut = () => metric('chat_connections_cut_total', { reason });
  const before = await cut();
  await attack();
  await expectClosed(edge);
  expect(await cut()).to.equal(before + 1);
}

function attachDispatcher(edge: SocketEdge): void {
  const handlers = { typing: async () => ({ ok: true }) } as unknown as Handlers;
  const logger = createLogger({ name: 'test', level: 'fatal', format: 'json' });
  const dispatcher = new EventDispatcher({ handlers, logger });
  edge.io.on('connection', (socket) => dispatcher.attach(socket));
}

describe('one socket per connection', () => {
  it('holds for CONNECT packets in one payload', async () => {
    await using edge = await startSockets();
    let most = 0;
    edge.io.on('connection', () => {
      most = Math.max(most, edge.io.of('/').sockets.size);
    });
    const session = await rawPolling(edge);
    const connects = Array<string>(50).fill(connectPacket());
    await expectCut(edge, 'second_connect', () => session.send(...connects).catch(() => {}));
    expect(most).to.be.at.most(1);
  });

  for (const second of [connectPacket('bob'), '40/admin,', '40']) {
    it(`holds for a later packet ${second.slice(0, 9)}`, async () => {
      await using edge = await startSockets();
      const { socket, received } = await rawWebsocket(edge);
      socket.send(connectPacket());
      await eventually(() => expect(received.at(-1)).to.match(/^40\{/));
      await expectCut(edge, 'second_connect', async () => socket.send(second));
    });
  }

  it('holds before authentication: the second namespace closes the connection', async () => {
    await using edge = await startSockets();
    const { socket } = await rawWebsocket(edge);
    await expectCut(edge, 'second_connect', async () =>
      ['40/a,', '40/b,'].forEach((packet) => void socket.send(packet)),
    );
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
      const flood = Array<string>(200).fill(packet);
      await expectCut(edge, 'rate_limit', () => session.send(...flood).catch(() => {}));
    });
  }

  it('cuts a connection that floods pings of the WebSocket protocol', async () => {
    await using edge = await startSockets(LIMITS);
    const tcp = edge.tcp().resume();
    tcp.write(upgrade());
    await eventually(() => expect(edge.io.engine.clientsCount).to.equal(1));
    const pings = Buffer.concat(Array<Buffer>(20).fill(frame('', FIN | OPCODE.ping)));
    await expectCut(edge, 'too_many_packets', async () => tcp.write(pings));
  });

  it('includes every event, also one with two payloads, and ends persistent abuse', async () => {
    await using edge = await startSockets(LIMITS);
    const cut = await metric('chat_connections_cut_total', { reason: 'rate_limit' });
    attachDispatcher(edge);
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

  for (const content of ['', 'x']) {
    it(`includes the fragments of a message, ${content ? 'of one byte' : 'without content'}`, async () => {
      await using edge = await startSockets();
      const tcp = edge.tcp();
      let received = Buffer.alloc(0);
      tcp.on('data', (chunk) => {
        received = Buffer.concat([received, chunk]);
      });
      tcp.write(upgrade());
      await eventually(() => expect(edge.io.engine.clientsCount).to.equal(1));
      const fragments = Array<Buffer>(300).fill(frame(content, OPCODE.continuation));
      tcp.write(Buffer.concat([frame('4', OPCODE.text), ...fragments]));
      await expectClosed(edge);
      // A close frame with the code 1008.
      await eventually(() => expect(received.includes(Buffer.from([0x88, 0x02, 0x03, 0xf0]))).to.equal(true));
    });
  }

  it('includes a large event once per 16 kB, for the connection and for the user', async () => {
    await using edge = await startSockets({
      ...LIMITS,
      USER_RATE_LIMIT_PER_SECOND: '10',
      USER_RATE_LIMIT_BURST: '100',
    });
    attachDispatcher(edge);
    /** The number of `count` events that a new connection of the same user may send. */
    const allowed = async (count: number, bytes: number) => {
      const { socket, received } = await rawWebsocket(edge);
      socket.send(connectPacket());
      await eventually(() => expect(received.at(-1)).to.match(/^40/));
      for (let id = 0; id < count; id++) socket.send(`42${id}["typing","${'x'.repeat(bytes)}"]`);
      const codes = () => received.flatMap((packet) => /"code":"(\w+)"/.exec(packet)?.[1] ?? []);
      await eventually(() => expect(codes()).to.have.length(count));
      return codes().filter((code) => code === 'VALIDATION_FAILED').length;
    };
    // Each counts as 7.
    expect(await allowed(20, 100_000)).to.be.within(12, 16);
    expect(await allowed(20, 10)).to.be.within(0, 15);
  });

  describe('goes on after the close of a connection, while its websocket waits for the close frame', () => {
    const flood = Buffer.concat(Array<Buffer>(1_000).fill(frame('2')));

    it('cuts a stranger', async () => {
      await using edge = await startSockets();
      const tcp = edge.tcp().resume();
      tcp.write(upgrade());
      await eventually(() => expect(edge.io.engine.clientsCount).to.equal(1));
      // The first frame, a ping of Engine.IO, closes the connection: only servers send pings.
      await expectCut(edge, 'too_many_packets', async () => tcp.write(flood));
      await eventually(() => expect(tcp.closed).to.equal(true));
    });

    it('cuts a user beyond the rate limit', async () => {
      await using edge = await startSockets(LIMITS);
      const tcp = edge.tcp().resume();
      tcp.write(upgrade());
      tcp.write(frame(connectPacket()));
      await eventually(() => expect(edge.io.of('/').sockets.size).to.equal(1));
      const cut = await metric('chat_connections_cut_total', { reason: 'rate_limit' });
      // The burst is free, also after the close.
      tcp.write(flood.subarray(0, 50 * frame('2').length));
      await expectClosed(edge);
      expect(await metric('chat_connections_cut_total', { reason: 'rate_limit' })).to.equal(cut);
      tcp.write(flood);
      await eventually(() => expect(tcp.closed).to.equal(true));
      expect(await metric('chat_connections_cut_total', { reason: 'rate_limit' })).to.equal(cut + 1);
    });
  });

  for (const [name, packet] of [
    ['pings of the WebSocket protocol', frame('', FIN | OPCODE.ping)],
    ['messages after it has failed', frame('2')],
  ] as const) {
    it(`bounds an upgrade that is not complete: ${name}`, async () => {
      await using edge = await startSockets();
      const { sid } = JSON.parse(
        (await (await fetch(`${edge.url}/socket.io/?EIO=4&transport=polling`)).text()).slice(1),
      );
      const tcp = edge.tcp().resume();
      let failure: (Error & { code?: string }) | undefined;
      tcp.on('error', (error) => {
        failure = error;
      });
      tcp.write(upgrade(`EIO=4&transport=websocket&sid=${sid}`));
      tcp.write(Buffer.concat(Array<Buffer>(1_000).fill(packet)));
      await eventually(() => expect(tcp.closed).to.equal(true));
      expect(failure?.code).to.equal('ECONNRESET');
      // The polling session goes on.
      expect(edge.io.engine.clientsCount).to.equal(1);
    });
  }

  it('cuts a stranger after a few packets', async () => {
    await using edge = await startSockets();
    const session = await rawPolling(edge);
    const pongs = Array<string>(20).fill('3');
    await expectCut(edge, 'too_many_packets', () => session.send(...pongs).catch(() => {}));
  });
});
