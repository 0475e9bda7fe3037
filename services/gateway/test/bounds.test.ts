import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import type { SyncAck } from '@chat-cluster/contracts';
import {
  connect,
  eventually,
  newUser,
  openConversation,
  startTestCluster,
  type TestCluster,
  tokenFor,
} from '@chat-cluster/testkit';
import { expect } from 'chai';
import { type RawSession, rawPolling } from './raw-session.ts';

describe('a gateway of two processes under pressure', () => {
  let cluster: TestCluster;

  before(async () => {
    cluster = await startTestCluster({
      env: {
        CONNECTS_PER_SECOND: '15',
        AUTHENTICATE_WITHIN_MS: '5000',
        MAX_UNAUTHENTICATED_PER_ADDRESS: '3',
        TRUSTED_HOPS: '1',
        WRITE_BUFFER_MAX_BYTES: '1048576',
      },
    });
  });
  after(() => cluster.stop());

  /** The sum of a metric over its labels and both processes. */
  async function metric(pattern: RegExp): Promise<number> {
    const gateway = cluster.processes.find(({ name }) => name === 'gateway');
    const text = await (await fetch(`http://127.0.0.1:${gateway?.adminPort}/metrics`)).text();
    return [...text.matchAll(pattern)].reduce((sum, match) => sum + Number(match[1]), 0);
  }

  it('admits a storm one after the other, over any transport', async () => {
    const transports = [['websocket'], ['polling'], ['polling', 'websocket']];
    // connect() rejects at the first connect_error: no client is refused, and none has to retry.
    const clients = await Promise.all(
      Array.from({ length: 75 }, (_, i) =>
        connect(cluster, newUser('u'), {
          transports: transports[i % 3] as ['websocket'],
          // An address of its own: a slow client of a crowded address would be a stranger for too long.
          extraHeaders: { 'x-forwarded-for': `10.0.0.${i}` },
        }),
      ),
    );
    expect(await metric(/^chat_handshake_wait_seconds_bucket\{le="0"\} (\d+)$/gm)).to.be.lessThan(75);
    expect(await metric(/^chat_handshake_wait_seconds_count (\d+)$/gm)).to.equal(75);
    for (const client of clients) client.close();
  });

  it('frees the places of clients that leave the queue, on both processes', async () => {
    const admitted = () => metric(/^chat_handshake_wait_seconds_count (\d+)$/gm);
    const waiting = () => metric(/^chat_handshakes_waiting (\d+)$/gm);
    const before = await admitted();
    const crowd = Array.from({ length: 90 }, () => {
      const socket = connectTcp({ port: cluster.port, host: '127.0.0.1' });
      socket.on('error', () => {});
      socket.write(
        'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
          'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n',
      );
      return socket;
    });
    await eventually(async () => expect(await waiting()).to.be.greaterThan(10));
    for (const [i, socket] of crowd.entries()) i % 2 ? socket.end() : socket.resetAndDestroy();
    await eventually(async () => expect(await waiting()).to.equal(0));
    expect((await admitted()) - before).to.be.lessThan(crowd.length);
    for (const socket of crowd) socket.destroy();
  });

  it('ends the sessions of strangers, and bounds those of an address', async () => {
    const strangers = await Promise.all(Array.from({ length: 8 }, () => rawPolling(cluster)));
    // A session that ended is unknown.
    const isOpen = async (session: RawSession) => (await session.send('3')) === 200;
    const open = (await Promise.all(strangers.map(isOpen))).filter(Boolean);
    expect(open.length).to.be.within(3, 6);
    await eventually(async () => expect(await Promise.all(strangers.map(isOpen))).not.to.include(true));
  });

  it('opens one socket per connection, however many CONNECT packets arrive at once', async () => {
    const packets = Array<string>(50).fill(`40${JSON.stringify({ token: tokenFor(cluster, newUser('many')) })}`);
    const session = await rawPolling(cluster);
    await session.send(...packets).catch(() => {});
    await eventually(async () =>
      expect(await metric(/^chat_connections_cut_total\{reason="second_connect"\} (\d+)$/gm)).to.equal(1),
    );
    expect(await metric(/^chat_connections (\d+)$/gm)).to.equal(0);
  });

  it('disconnects only the device that stopped reading; it reconnects and misses no message', async () => {
    const [alice, bob] = [newUser('alice'), newUser('bob')];
    const id = await openConversation(cluster, alice, bob);
    const sender = await connect(cluster, alice);
    const [paused, reader] = [
      await connect(cluster, bob, { transports: ['websocket'] }),
      await connect(cluster, bob, { transports: ['websocket'] }),
    ];
    const { ws } = paused.socket.io.engine.transport as unknown as { ws: { pause(): void; resume(): void } };
    ws.pause();
    // About 5 MB wait in the kernel, then the bound is reached.
    let sent = 0;
    await eventually(async () => {
      await Promise.all(
        Array.from({ length: 100 }, () => sender.send({ conversationId: id, content: 'x'.repeat(9_999) })),
      );
      sent += 100;
      expect(await metric(/^chat_disconnects_total\{reason="slow_consumer"\} (\d+)$/gm)).to.equal(1);
    });
    await eventually(() => expect(reader.messages.length).to.equal(sent));
    expect(await metric(/^chat_slow_consumer_disconnects_total (\d+)$/gm)).to.equal(1);

    const reconnected = once(paused.socket as never, 'connect');
    ws.resume();
    await reconnected;
    const received = new Set(paused.messages.map(({ seq }) => seq));
    for (let more = true; more; ) {
      const question = { conversations: [{ id, afterSeq: Math.max(0, ...received) }] };
      const ack = (await paused.socket.timeout(5_000).emitWithAck('sync', question as never)) as SyncAck;
      for (const { messages } of ack.conversations) for (const { seq } of messages) received.add(seq);
      more = ack.hasMore;
    }
    expect([...received]).to.deep.equal(Array.from({ length: sent }, (_, i) => i + 1));
    for (const client of [sender, paused, reader]) client.close();
  });
});
