/*
 * Longer than 250 lines on purpose: one test for each private part of Socket.IO, on one server.
 */
import { once } from 'node:events';
import { readFileSync, realpathSync } from 'node:fs';
import { createServer, ServerResponse } from 'node:http';
import { findPackageJSON } from 'node:module';
import { type AddressInfo, connect as connectTcp, type Socket as TcpSocket } from 'node:net';
import { pathToFileURL } from 'node:url';
import { eventually } from '@chat-cluster/testkit';
import { frame } from '@chat-cluster/testkit/wire';
import { expect } from 'chai';
import { Server } from 'socket.io';
import { type Socket as Client, io as connectClient } from 'socket.io-client';
import type { ChatServer, ChatSocket } from '../src/socket/chat-socket.ts';
import {
  abortConnection,
  type Connection,
  closeConnection,
  connectionsOf,
  type EventPacket,
  hasEnded,
  holdPackets,
  isReadingPost,
  onUnseenFrame,
  pauseReading,
  receiveEvents,
  releaseHandshakeState,
  responseOf,
  resumeReading,
  sendAck,
  setMaxPacketBytes,
  setWebsocketOptions,
  waitingBytes,
  waitingPackets,
  writeHeldPackets,
} from '../src/socket/engine-io.ts';

const POLLING = '/socket.io/?EIO=4&transport=polling';

describe('the private parts of Socket.IO that the gateway uses', () => {
  let io: ChatServer;
  let port: number;
  let responses: (ServerResponse | undefined)[];
  const closers: (() => void)[] = [];

  beforeEach(async () => {
    responses = [];
    const http = createServer();
    io = new Server(http, {
      allowRequest(request, decide) {
        responses.push(responseOf(request));
        decide(null, true);
      },
    });
    await once(http.listen(0, '127.0.0.1'), 'listening');
    port = (http.address() as AddressInfo).port;
  });
  afterEach(async () => {
    for (const close of closers.splice(0)) close();
    for (const connection of connectionsOf(io)) abortConnection(connection, 'forced close');
    await io.close();
  });

  /** A connected stock client, with its socket on the server. */
  async function connected(transport: 'websocket' | 'polling'): Promise<{ client: Client; socket: ChatSocket }> {
    const client = connectClient(`http://127.0.0.1:${port}`, { transports: [transport], reconnection: false });
    closers.push(() => client.disconnect());
    const [[socket]] = await Promise.all([once(io, 'connection'), once(client as never, 'connect')]);
    return { client, socket };
  }

  /** A TCP connection with an open websocket, whose client answers nothing. */
  async function rawWebsocket(): Promise<{ tcp: TcpSocket; connection: Connection }> {
    const tcp = connectTcp({ port, host: '127.0.0.1' });
    closers.push(() => tcp.destroy());
    tcp.on('error', () => {});
    tcp.write(
      'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n',
    );
    const [connection] = await once(io.engine, 'connection');
    tcp.resume();
    return { tcp, connection };
  }

  it('are those of the installed versions: check this file and engine-io.ts when one of them changes', () => {
    const socketIo = manifestOf('socket.io', import.meta.url);
    const engineIo = manifestOf('engine.io', socketIo.url);
    const ws = manifestOf('ws', engineIo.url);
    expect([socketIo.version, engineIo.version, ws.version]).to.deep.equal(['4.8.4', '6.6.12', '8.23.0']);
  });

  it('connectionsOf: all open connections, also one that has not authenticated', async () => {
    expect((await fetch(`http://127.0.0.1:${port}${POLLING}`)).status).to.equal(200);
    const { socket } = await connected('websocket');
    expect(connectionsOf(io)).to.have.length(2).and.to.include(socket.conn);
    socket.conn.close();
    await eventually(() => expect(connectionsOf(io)).to.have.length(1).and.not.to.include(socket.conn));
  });

  it('setWebsocketOptions: a client that does not answer the close frame is disconnected', async () => {
    setWebsocketOptions(io, { closeTimeout: 20 });
    const { tcp, connection } = await rawWebsocket();
    connection.close();
    await once(tcp, 'close');
  });

  it('closeConnection: a client that does not take its packets loses the connection in time', async () => {
    await fetch(`http://127.0.0.1:${port}${POLLING}`);
    const [connection] = connectionsOf(io);
    if (!connection) throw new Error('no connection');
    connection.send('waits');
    closeConnection(connection);
    expect(connection.readyState).to.equal('closing');
    await eventually(() => expect(connectionsOf(io)).to.deep.equal([]), 20_000);
  });

  it('closeConnection: an orderly close for a client that does', async () => {
    const { client, socket } = await connected('polling');
    const ended = once(socket as never, 'disconnect');
    const lost = once(client as never, 'disconnect');
    closeConnection(socket.conn);
    expect((await lost)[0]).to.equal('transport close');
    await ended;
  });

  it('responseOf: the response of a polling request, none for an upgrade', async () => {
    await connected('polling');
    await connected('websocket');
    expect(responses).to.have.length(2);
    expect(responses[0]).to.be.instanceOf(ServerResponse);
    expect(responses[1]).to.equal(undefined);
  });

  it('holdPackets, writeHeldPackets: packets of a websocket wait and are written together, in order', async () => {
    const { client, socket } = await connected('websocket');
    const waiting: number[] = [];
    const received: string[] = [];
    client.onAny((event) => received.push(event));
    socket.conn.on('packetCreate', () => waiting.push(waitingPackets(socket.conn)));
    const transport = holdPackets(socket.conn);
    if (!transport) throw new Error('not held');
    expect(holdPackets(socket.conn)).to.equal(undefined);
    const emit = (event: string) => socket.emit(event as 'session', '€' as never);
    for (const event of ['a', 'b']) emit(event);
    socket.volatile.emit('dropped' as 'session', {} as never);
    expect(waiting).to.deep.equal([0, 1]);
    expect(waitingPackets(socket.conn)).to.equal(2);
    expect(waitingBytes(socket.conn)).to.equal(2 * '2["a","€"]'.length);
    const corked: number[] = [];
    socket.conn.once('flush', () => corked.push(socket.request.socket.writableCorked));
    writeHeldPackets(socket.conn, transport);
    expect([...corked, socket.request.socket.writableCorked]).to.deep.equal([1, 0]);
    expect(waitingPackets(socket.conn)).to.equal(0);
    await eventually(() => expect(received).to.deep.equal(['a', 'b']));
    // ws has written: the transport takes packets again.
    await eventually(() => expect(transport.writable).to.equal(true));
    expect(waitingBytes(socket.conn)).to.equal(0);
  });

  it('holdPackets: never for long-polling', async () => {
    const { socket } = await connected('polling');
    await eventually(() => expect(socket.conn.transport.writable).to.equal(true));
    expect(holdPackets(socket.conn)).to.equal(undefined);
  });

  it('waitingBytes: also the bytes that ws holds for a client that does not read', async () => {
    const { tcp, connection } = await rawWebsocket();
    tcp.pause();
    for (let i = 0; i < 100; i++) connection.send('x'.repeat(1_000_000));
    await eventually(() => expect(waitingBytes(connection)).to.be.greaterThan(waitingPackets(connection) * 1_000_000));
  });

  for (const transport of ['websocket', 'polling'] as const) {
    it(`abortConnection: ends the connection at once, with its reason (${transport})`, async () => {
      const { client, socket } = await connected(transport);
      const ended = once(socket as never, 'disconnect');
      const lost = once(client as never, 'disconnect');
      abortConnection(socket.conn, 'slow_consumer');
      expect((await ended)[0]).to.equal('slow_consumer');
      expect(connectionsOf(io)).to.deep.equal([]);
      await lost;
      expect(waitingPackets(socket.conn)).to.equal(0);
    });
  }

  it('pauseReading, resumeReading: events wait in a websocket that is not read', async () => {
    const { client, socket } = await connected('websocket');
    const received: unknown[] = [];
    socket.onAny((event) => received.push(event));
    const { transport } = socket.conn;
    pauseReading(transport);
    client.emit('waits');
    // An event of another connection arrives later and is received.
    const other = await connected('websocket');
    other.socket.on('ping' as never, ((ack: () => void) => ack()) as never);
    await other.client.emitWithAck('ping');
    expect(received).to.deep.equal([]);
    resumeReading(transport);
    await eventually(() => expect(received).to.deep.equal(['waits']));
  });

  for (const state of ['closing', 'closed']) {
    it(`onUnseenFrame: called for pings and pongs of a websocket, and messages of a ${state} connection`, async () => {
      setWebsocketOptions(io, { closeTimeout: 5_000 });
      const { tcp, connection } = await rawWebsocket();
      const seen: number[] = [];
      onUnseenFrame(connection, (of, bytes) => {
        expect(of).to.equal(connection);
        seen.push(bytes);
      });
      const packets = once(connection, 'packet');
      tcp.write(Buffer.concat([frame('', 0x89), frame('', 0x8a), frame('3')]));
      await packets;
      expect(seen).to.deep.equal([0, 0]);
      if (state === 'closing') {
        holdPackets(connection);
        connection.send('waits');
      }
      connection.close();
      expect(connection.readyState).to.equal(state);
      tcp.write(Buffer.concat([frame('4late'), frame('', 0x89)]));
      await eventually(() => expect(seen).to.deep.equal([0, 0, 5, 0]));
    });
  }

  it('abortConnection, hasEnded: also ends the websocket of a closed connection, and drops what was read', async () => {
    setWebsocketOptions(io, { closeTimeout: 60_000 });
    const { tcp, connection } = await rawWebsocket();
    expect(hasEnded(connection)).to.equal(false);
    let late = 0;
    onUnseenFrame(connection, () => {
      late++;
      abortConnection(connection, 'late');
    });
    connection.close();
    expect(connection.readyState).to.equal('closed');
    expect(hasEnded(connection)).to.equal(false);
    // All frames arrive in one read.
    tcp.write(Buffer.concat(Array<Buffer>(100).fill(frame('4late'))));
    await eventually(() => expect(tcp.closed).to.equal(true));
    expect(late).to.equal(1);
    expect(hasEnded(connection)).to.equal(true);
  });

  it('setMaxPacketBytes, onTooLarge: a larger packet closes a websocket, after the event', async () => {
    setWebsocketOptions(io, { closeTimeout: 5_000, onTooLarge: ['exception', { reason: 'large' }] });
    const { client, socket } = await connected('websocket');
    setMaxPacketBytes(socket.conn.transport, 1_000);
    const received = once(client as never, 'exception');
    const ended = once(socket as never, 'disconnect');
    client.emit('large', 'x'.repeat(1_000));
    expect((await received)[0]).to.deep.equal({ reason: 'large' });
    expect((await ended)[0]).to.equal('transport error');
  });

  it('setMaxPacketBytes: a larger packet gets 413 over long-polling', async () => {
    const { sid } = JSON.parse((await (await fetch(`http://127.0.0.1:${port}${POLLING}`)).text()).slice(1));
    const [connection] = connectionsOf(io);
    if (connection) setMaxPacketBytes(connection.transport, 1_000);
    const post = (body: string) => fetch(`http://127.0.0.1:${port}${POLLING}&sid=${sid}`, { method: 'POST', body });
    expect((await post('x'.repeat(1_001))).status).to.equal(413);
  });

  it('isReadingPost: while the body of a POST arrives', async () => {
    const { socket } = await connected('polling');
    const { transport } = socket.conn;
    const tcp = connectTcp({ port, host: '127.0.0.1' }).resume();
    closers.push(() => tcp.destroy());
    const sid = (socket.conn as unknown as { id: string }).id;
    tcp.write(`POST ${POLLING}&sid=${sid} HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n42[`);
    await eventually(() => expect(isReadingPost(transport)).to.equal(true));
    tcp.write('"hi"]');
    await eventually(() => expect(isReadingPost(transport)).to.equal(false));
  });

  it('releaseHandshakeState: nothing references the opening request or its copy, and the connection closes', async () => {
    const { client, socket } = await connected('websocket');
    const tcp = socket.request.socket;
    const once = () => tcp.rawListeners('close').filter((listener) => 'listener' in listener).length;
    expect(once()).to.equal(1);
    releaseHandshakeState(socket);
    expect(once()).to.equal(0);
    expect(socket.request).to.equal(undefined);
    expect(() => socket.emit('asks' as 'session', (() => {}) as never)).to.throw('requests no acks');
    expect(socket.handshake).to.deep.include({ url: '', headers: {}, auth: {} });
    expect((await io.fetchSockets())[0]?.handshake).to.equal(socket.handshake);
    client.disconnect();
    await eventually(() => expect(connectionsOf(io)).to.deep.equal([]));
  });

  it('receiveEvents, sendAck: the handler gets each event packet, and the client its ack', async () => {
    const { client, socket } = await connected('websocket');
    const packets: EventPacket[] = [];
    receiveEvents(socket, function (packet) {
      expect(this).to.equal(socket);
      packets.push(packet);
      if (packet.id !== undefined) sendAck(this, packet.id, { ok: true });
    });
    client.emit('plain', { a: 1 });
    expect(await client.timeout(2_000).emitWithAck('acknowledged', 1, 2)).to.deep.equal({ ok: true });
    expect(packets.map(({ data, id }) => ({ data, hasId: id !== undefined }))).to.deep.equal([
      { data: ['plain', { a: 1 }], hasId: false },
      { data: ['acknowledged', 1, 2], hasId: true },
    ]);
    client.disconnect();
    await eventually(() => expect(socket.connected).to.equal(false));
    sendAck(socket, 7, { ok: true });
  });
});

/** The version of a package as seen from another one, and where its own dependencies are resolved from. */
function manifestOf(name: string, from: string): { version: string; url: string } {
  const path = realpathSync(findPackageJSON(name, from) ?? '');
  return { version: JSON.parse(readFileSync(path, 'utf8')).version, url: pathToFileURL(path).href };
}
