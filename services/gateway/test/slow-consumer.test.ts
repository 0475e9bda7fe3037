import { once } from 'node:events';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import type { Socket } from 'socket.io-client';
import { metric, rawToken, type SocketEdge, startSockets } from './socket-edge.ts';

const CAP = 256 * 1024;
const TEXT = 'x'.repeat(10_000);
/** How far a buffer may exceed its bound before it is checked: the packets between two sums. */
const SLACK = 9 * (TEXT.length + 100);

describe('a client that does not read', () => {
  it('is the only one of its room that is disconnected; its buffer is freed, and it reconnects by itself', async () => {
    await using edge = await startSockets({ WRITE_BUFFER_MAX_BYTES: String(CAP) });
    const before = await metric('chat_slow_consumer_disconnects_total');
    const reasons = disconnectReasons(edge);
    const paused = await Promise.all(Array.from({ length: 10 }, () => edge.connected('alice')));
    const reader = await edge.connected('alice');
    let received = 0;
    reader.on('new_message', () => received++);
    for (const socket of paused) ws(socket).pause();

    let sent = 0;
    let most = 0;
    while (reasons.length < paused.length && sent < 5_000) {
      emitTo(edge, 'alice', TEXT);
      sent++;
      await turn();
      most = Math.max(most, await metric('chat_write_buffer_bytes'));
    }
    expect(reasons).to.deep.equal(paused.map(() => 'slow_consumer'));
    expect(most)
      .to.be.greaterThan(CAP)
      .and.lessThan((paused.length + 1) * (CAP + SLACK));
    await eventually(async () => expect(await connectionsOf(edge)).to.equal(1));
    expect(edge.io.engine.clientsCount).to.equal(1);
    expect(await metric('chat_slow_consumer_disconnects_total')).to.equal(before + paused.length);
    expect(edge.lines).to.have.length(paused.length);
    expect(Object.keys(edge.lines[0]?.fields ?? {})).to.have.members(['packets', 'bytes', 'transport']);

    await eventually(() => expect(received).to.equal(sent));
    expect(await metric('chat_write_buffer_bytes')).to.equal(0);
    const reconnected = paused.map((socket) => once(socket as never, 'connect'));
    for (const socket of paused) ws(socket).resume();
    await Promise.all(reconnected);
    expect(reader.connected).to.equal(true);
  });

  it('is disconnected at once over long-polling too', async () => {
    await using edge = await startSockets({ WRITE_BUFFER_MAX_PACKETS: '1000' });
    const reasons = disconnectReasons(edge);
    const url = `${edge.url}/socket.io/?EIO=4&transport=polling`;
    const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1)) as { sid: string };
    await fetch(`${url}&sid=${sid}`, { method: 'POST', body: `40${JSON.stringify({ token: rawToken('alice') })}` });
    expect(await (await fetch(`${url}&sid=${sid}`)).text()).to.match(/^40/);
    const transport = [...edge.io.of('/').sockets.values()][0]?.conn.transport;

    for (let sent = 0; sent <= 1_000; sent++) emitTo(edge, 'alice', 'hi');
    await turn();
    expect(reasons).to.deep.equal([]);
    emitTo(edge, 'alice', 'hi');
    // At the end of this turn websockets are written, at the end of the next one the bound is checked again.
    for (let turns = 0; turns < 2; turns++) await turn();
    expect(reasons).to.deep.equal(['slow_consumer']);
    expect(edge.io.engine.clientsCount).to.equal(0);
    expect(transport).to.have.property('readyState', 'closed');
    expect(await (await fetch(`${url}&sid=${sid}`)).json()).to.include({ message: 'Session ID unknown' });
  });
});

describe('a client that reads', () => {
  for (const transport of ['websocket', 'polling']) {
    it(`receives any burst within maxBytes, over ${transport}`, async () => {
      await using edge = await startSockets();
      const reasons = disconnectReasons(edge);
      const reader = await edge.connected('alice', { transports: [transport] });
      let received = 0;
      reader.on('new_message', () => received++);
      const burst = transport === 'websocket' ? 30_000 : 9_000;
      for (let sent = 0; sent < burst; sent++) emitTo(edge, 'alice', 'hi');
      await eventually(() => expect(received).to.equal(burst));
      expect(reasons).to.deep.equal([]);
    });
  }
});

/** The reasons of disconnects, in order. */
function disconnectReasons(edge: SocketEdge): string[] {
  const reasons: string[] = [];
  edge.io.on('connection', (socket) => socket.on('disconnect', (reason) => void reasons.push(reason)));
  return reasons;
}

/** Number of TCP connections of the server. */
function connectionsOf(edge: SocketEdge): Promise<number> {
  return new Promise((resolve, reject) => {
    edge.http.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });
}

/** Emits as a fan-out from Redis does: on this gateway, at once. */
function emitTo(edge: SocketEdge, userId: string, content: string): void {
  edge.io.local.to(userId).emit('new_message', { content } as never);
}

/** The raw connection of a stock client. */
function ws(socket: Socket): { pause(): void; resume(): void } {
  return (socket.io.engine.transport as unknown as { ws: { pause(): void; resume(): void } }).ws;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
