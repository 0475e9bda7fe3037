import { clientEvents, serverEvents } from '@chat-cluster/contracts';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { isNestedDeeper } from '../src/socket/transport/nesting.ts';
import { TOO_DEEP } from '../src/socket/transport/packet-guard.ts';
import { type RawWebsocket, rawPolling, rawWebsocket } from './raw-session.ts';
import { metric, rawToken, type SocketEdge, startSockets } from './socket-edge.ts';

const KB = 1_024;
const DEEP = '['.repeat(1_000);
const END = ']'.repeat(1_000);
const connectPacket = (padding = 0) => `40${JSON.stringify({ token: rawToken('alice'), pad: 'x'.repeat(padding) })}`;
const socketsOf = (edge: SocketEdge) => edge.io.of('/').sockets.size;

async function connected(edge: SocketEdge): Promise<RawWebsocket> {
  const client = await rawWebsocket(edge);
  client.socket.send(connectPacket());
  await eventually(() => expect(client.received.at(-1)).to.match(/^40/));
  return client;
}

/** The events that the sockets of the server receive, as their names and the length of their payloads. */
function receivedEvents(edge: SocketEdge): [name: string, length: number][] {
  const received: [string, number][] = [];
  edge.io.on('connection', (socket) =>
    socket.onAny((name, payload) => received.push([name, JSON.stringify(payload).length])),
  );
  return received;
}

describe('the size of a packet before authentication', () => {
  it('is 16 kB over a websocket', async () => {
    await using edge = await startSockets();
    const small = await rawWebsocket(edge);
    small.socket.send(connectPacket(14 * KB));
    await eventually(() => expect(small.received.at(-1)).to.match(/^40/));
    const large = await rawWebsocket(edge);
    large.socket.send(connectPacket(16 * KB));
    expect((await large.closed).code).to.equal(1009);
    await eventually(() => expect([edge.io.engine.clientsCount, socketsOf(edge)]).to.deep.equal([1, 1]));
  });

  it('is 16 kB over long-polling', async () => {
    await using edge = await startSockets();
    const session = await rawPolling(edge);
    expect(await session.send(connectPacket(16 * KB))).to.equal(413);
    expect(socketsOf(edge)).to.equal(0);
    expect(await (await rawPolling(edge)).send(connectPacket(14 * KB))).to.equal(200);
    await eventually(() => expect(socketsOf(edge)).to.equal(1));
  });
});

describe('the size of a packet after authentication', () => {
  const event = (bytes: number) => `42["typing","${'x'.repeat(bytes)}"]`;

  it('is MAX_PACKET_BYTES over a websocket; a larger one gets a coded error before the close', async () => {
    await using edge = await startSockets();
    const received = receivedEvents(edge);
    const { socket, received: answers, closed } = await connected(edge);
    socket.send(event(127 * KB));
    await eventually(() => expect(received).to.have.length(1));
    socket.send(event(129 * KB));
    expect((await closed).code).to.equal(1009);
    const [name, payload] = JSON.parse(answers.at(-1)?.slice(2) ?? '');
    expect(name).to.equal('exception');
    expect(serverEvents.exception.parse(payload).error).to.deep.equal({
      code: 'VALIDATION_FAILED',
      message: 'A packet may have at most 131072 bytes, and 16384 before authentication.',
      retryable: false,
    });
    expect(received).to.have.length(1);
  });

  it('is the same after an upgrade, and before it over long-polling', async () => {
    await using edge = await startSockets();
    const received = receivedEvents(edge);
    const client = await edge.connected('alice', { transports: ['polling', 'websocket'] });
    await eventually(() => expect(client.io.engine.transport.name).to.equal('websocket'));
    client.emit('typing', 'x'.repeat(120 * KB));
    const poller = await edge.connected('bob', { transports: ['polling'] });
    poller.emit('typing', 'x'.repeat(120 * KB));
    await eventually(() => expect(received).to.have.length(2));
  });

  it('has room for the largest message that the contract allows, as a stock client encodes it', () => {
    const url = `https://a.example/${'x'.repeat(2_030)}`;
    const message = {
      conversationId: crypto.randomUUID(),
      content: '\u0001'.repeat(10_000),
      clientMessageId: 'x'.repeat(64),
      attachments: Array(10).fill({ url, type: 'IMAGE' }),
    };
    expect(clientEvents.send_message.safeParse(message).success).to.equal(true);
    expect(Buffer.byteLength(`42999999["send_message",${JSON.stringify(message)}]`)).to.be.lessThan(128 * KB);
  });
});

describe('the nesting of a packet', () => {
  it('of an event is bounded without parsing it: it arrives with a message in place of its payload', async () => {
    await using edge = await startSockets();
    const received = receivedEvents(edge);
    const { socket } = await connected(edge);
    for (const payload of [DEEP, `{"a":${DEEP}`, `{"a":"]","b":${DEEP}`]) socket.send(`427["typing",${payload}`);
    await eventually(() => expect(received).to.deep.equal(Array(3).fill(['typing', JSON.stringify(TOO_DEEP).length])));
    expect(socketsOf(edge)).to.equal(1);
  });

  for (const [name, packet] of [
    ['an event without a name', `42${DEEP}${END}`],
    ['an ack', `437${DEEP}${END}`],
    ['a binary event', `451-["typing",${DEEP}${END}]`],
    ['a CONNECT packet', `40{"token":${DEEP}${END}}`],
  ] as const) {
    it(`of ${name} ends the connection`, async () => {
      await using edge = await startSockets();
      const { socket, closed } = packet.startsWith('40') ? await rawWebsocket(edge) : await connected(edge);
      const cut = await metric('chat_connections_cut_total', { reason: 'nesting' });
      socket.send(packet);
      await closed;
      expect(await metric('chat_connections_cut_total', { reason: 'nesting' })).to.equal(cut + 1);
    });
  }

  it('is counted outside of texts', () => {
    const nested = (levels: number) => `${'[{"a":'.repeat(levels / 2)}1${'}]'.repeat(levels / 2)}`;
    expect(isNestedDeeper(nested(32), 32)).to.equal(false);
    expect(isNestedDeeper(nested(34), 32)).to.equal(true);
    expect(isNestedDeeper(JSON.stringify(Array(100).fill([{}])), 32)).to.equal(false);
    expect(isNestedDeeper(JSON.stringify(['[{'.repeat(5_000)]), 32)).to.equal(false);
    expect(isNestedDeeper(JSON.stringify(['"[\\'.repeat(100), '\\"['.repeat(100)]), 32)).to.equal(false);
    expect(isNestedDeeper(JSON.stringify(['\\"\\']) + nested(34), 32)).to.equal(true);
  });
});
