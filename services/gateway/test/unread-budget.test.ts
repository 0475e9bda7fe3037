import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import type { Socket } from 'socket.io-client';
import { connectionsOf, waitingBytes, waitingMemory } from '../src/socket/engine-io.ts';
import { metric, type SocketEdge, startSockets } from './socket-edge.ts';

const MB = 1_048_576;

/** Stops reading. Returns the opposite; a client that does not read does not notice that it was cut. */
function pause(socket: Socket): () => void {
  const { ws } = socket.io.engine.transport as unknown as { ws: { pause(): void; resume(): void } };
  ws.pause();
  return () => ws.resume();
}

function socketOf(edge: SocketEdge, userId: string) {
  const socket = [...edge.io.of('/').sockets.values()].find(({ data }) => data.userId === userId);
  if (!socket) throw new Error(`${userId} is not connected`);
  return socket;
}

/** Emits to the user until this many bytes are unread in the process, or the user is cut. */
async function fill(edge: SocketEdge, userId: string, bytes: number): Promise<void> {
  const socket = socketOf(edge, userId);
  for (let sent = 0; socket.connected && waitingBytes(socket.conn) < bytes; sent++) {
    if (sent === 1_000) throw new Error('is not full');
    socket.emit('new_message', { content: 'x'.repeat(100_000) } as never);
    await new Promise(setImmediate);
  }
}

describe('the unread output of a process', () => {
  it('is bounded: the slowest consumer is cut first, and clients that read stay', async () => {
    await using edge = await startSockets({ UNREAD_MAX_BYTES: String(12 * MB) });
    const cut = await metric('chat_slow_consumer_disconnects_total');
    const [slow, slower, reader] = [
      await edge.connected('slow', { reconnection: false }),
      await edge.connected('slower', { reconnection: false }),
      await edge.connected('reader'),
    ];
    const resume = [slow, slower].map(pause);
    await fill(edge, 'slow', 1.5 * MB);
    await fill(edge, 'slower', 3.5 * MB);
    await eventually(() => expect(edge.io.of('/').sockets.size).to.equal(2));
    const users = [...edge.io.of('/').sockets.values()].map(({ data }) => data.userId);
    expect(users).to.deep.equal(['slow', 'reader']);
    expect(reader.connected).to.equal(true);
    expect(await metric('chat_slow_consumer_disconnects_total')).to.equal(cut + 1);
    expect(connectionsOf(edge.io).reduce((sum, one) => sum + waitingMemory(one), 0)).to.be.at.most(12 * MB);
    const lost = once(slower as never, 'disconnect');
    for (const read of resume) read();
    await lost;
  });

  it('counts what small packets cost', async () => {
    await using edge = await startSockets({ UNREAD_MAX_BYTES: String(5 * MB) });
    const users = ['a', 'b', 'c'];
    const clients = await Promise.all(users.map((user) => edge.connected(user, { reconnection: false })));
    const reader = await edge.connected('reader');
    const resume = clients.map(pause);
    // Then the kernel takes nothing more.
    for (const user of users) await fill(edge, user, 100_000);
    const connections = users.map((user) => socketOf(edge, user).conn);
    for (const connection of connections) {
      for (let i = 0; i < 6_000; i++) connection.send('2[0]');
    }
    expect(connections.reduce((sum, one) => sum + waitingBytes(one), 0)).to.be.lessThan(MB);
    await eventually(() => expect(edge.io.of('/').sockets.size).to.equal(3));
    expect(reader.connected).to.equal(true);
    for (const read of resume) read();
    await eventually(() => expect(clients.filter(({ connected }) => connected)).to.have.length(2));
  });

  it('includes HTTP responses that are not read', async () => {
    await using edge = await startSockets({ UNREAD_MAX_BYTES: String(48 * MB) });
    const page = Buffer.alloc(12 * MB);
    const [answered, cut]: [ServerResponse[], ServerResponse[]] = [[], []];
    edge.http.on('request', ({ url }, response) => {
      if (url !== '/page') return;
      response.once('close', () => (response.writableFinished ? answered : cut).push(response));
      response.end(page);
    });
    const reader = edge.tcp().resume();
    const ended = once(reader, 'end');
    reader.write('GET /page HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await ended;
    const clients = Array.from({ length: 6 }, () => edge.tcp().pause());
    for (const client of clients) client.write('GET /page HTTP/1.1\r\nHost: x\r\n\r\n');
    // Each leaves about 6 to 9 MB in the process, and the rest in the kernel.
    await eventually(() => expect(cut).to.have.length.within(3, 5));
    for (const client of clients) client.resume();
    await eventually(() => expect(answered).to.have.length(1 + clients.length - cut.length));
  });
});
