import { createServer, type Server as HttpServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Socket as TcpSocket } from 'node:net';
import { expect } from 'chai';
import { Server, type ServerOptions } from 'socket.io';
import { eventually } from '../src/eventually.ts';
import { LeanClient, type LeanClientOptions } from '../src/lean-client.ts';
import { LeanWebSocket } from '../src/lean-websocket.ts';
import { selfSigned } from '../src/self-signed.ts';

/** Everything that a client of the test has received. */
interface Received {
  client: LeanClient;
  connected: boolean;
  events: [name: string, payload: unknown][];
  /** Undefined while it is open. */
  closed: { refusal: string | undefined; error: Error | undefined } | undefined;
}

const LARGE = 'ä𝄞'.repeat(60_000);

describe('the lean client, against a real Socket.IO server', () => {
  let undo: AsyncDisposableStack;

  beforeEach(() => {
    undo = new AsyncDisposableStack();
  });

  afterEach(() => undo.disposeAsync());

  async function serve(http: HttpServer, options: Partial<ServerOptions> = {}): Promise<Server & { port: number }> {
    const io = new Server(http, { maxHttpBufferSize: 2e6, ...options });
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    undo.defer(() => io.close());
    return Object.assign(io, { port: (http.address() as AddressInfo).port });
  }

  function connect(port: number, options: Partial<LeanClientOptions> = {}): Received {
    const received: Omit<Received, 'client'> = { connected: false, events: [], closed: undefined };
    const client = new LeanClient(
      { url: `http://127.0.0.1:${port}`, token: 'a token', ...options },
      {
        connected: () => {
          received.connected = true;
        },
        event: (name, payload) => received.events.push([name, payload]),
        closed: (refusal, error) => {
          received.closed = { refusal, error };
        },
      },
    );
    undo.defer(() => client.close());
    return Object.assign(received, { client });
  }

  it('sends its token, sends and receives events, and assigns each ack to its call', async () => {
    const io = await serve(createServer());
    io.on('connection', (socket) => {
      socket.emit('hello', { token: socket.handshake.auth.token });
      socket.on('echo', (payload) => socket.emit('echoed', payload));
      socket.on('double', (n: number, ack) => setTimeout(() => ack(n * 2), 10 - n));
    });
    const received = connect(io.port);
    await eventually(() => expect(received.connected).to.equal(true));
    received.client.emit('echo', { text: 'grüße' });
    const answers = await Promise.all(
      [1, 2, 3].map((n) => new Promise((resolve) => received.client.call('double', n, resolve))),
    );
    expect(answers).to.deep.equal([2, 4, 6]);
    expect(received.events).to.deep.equal([
      ['hello', { token: 'a token' }],
      ['echoed', { text: 'grüße' }],
    ]);
  });

  it('sends and receives messages with every form of frame length', async () => {
    const io = await serve(createServer());
    io.on('connection', (socket) => socket.on('echo', (text, ack) => ack(text)));
    const received = connect(io.port);
    await eventually(() => expect(received.connected).to.equal(true));
    for (const text of ['', 'x'.repeat(110), 'x'.repeat(65_500), 'x'.repeat(65_536), LARGE]) {
      const answer = await new Promise<string>((resolve) => received.client.call('echo', text, resolve));
      expect(answer === text, `${text.length} characters come back`).to.equal(true);
    }
  });

  it('replies to pings, so that the server keeps it, and closes when a server sends none', async () => {
    const io = await serve(createServer(), { pingInterval: 50, pingTimeout: 5_000 });
    const received = connect(io.port);
    await eventually(() => expect(received.connected).to.equal(true));
    const [socket] = await io.fetchSockets();
    let pongs = 0;
    io.sockets.sockets.get(socket?.id ?? '')?.conn.on('packet', ({ type }) => {
      if (type === 'pong') pongs++;
    });
    await eventually(() => expect(pongs).to.be.at.least(4));
    expect(received.closed).to.equal(undefined);

    const silent = createTcpServer((tcp) => answerOnce(tcp, text('0{"pingInterval":50,"pingTimeout":50}')));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    undo.defer(() => void silent.close());
    const left = connect((silent.address() as AddressInfo).port);
    await eventually(() => expect(left.closed).to.not.equal(undefined));
  });

  it('reports the code of a rejection, and a disconnect by the server', async () => {
    const io = await serve(createServer());
    io.use((socket, next) => {
      if (socket.handshake.auth.token === 'a token') next();
      else next(Object.assign(new Error('no'), { data: { code: 'TOKEN_INVALID' } }));
    });
    const rejected = connect(io.port, { token: 'another' });
    await eventually(() => expect(rejected.closed).to.deep.include({ refusal: 'TOKEN_INVALID' }));
    const welcome = connect(io.port);
    await eventually(() => expect(welcome.connected).to.equal(true));
    io.disconnectSockets();
    await eventually(() => expect(welcome.closed).to.deep.include({ refusal: undefined }));
  });

  it('reports the status of a response that is not an upgrade, and the reason of a failed connection', async () => {
    const http = createServer((_, response) => response.writeHead(503).end());
    http.on('upgrade', (_, socket) => socket.end('HTTP/1.1 404 Not Found\r\n\r\n'));
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    const { port } = http.address() as AddressInfo;
    const wrong = connect(port);
    await eventually(() => expect(wrong.closed).to.deep.include({ refusal: 'HTTP 404' }));
    await new Promise((resolve) => http.close(resolve));
    const unreachable = connect(port);
    await eventually(() => expect(unreachable.closed?.error).to.include({ code: 'ECONNREFUSED' }));
  });

  it('supports TLS: trusts the given authority, or any certificate when insecure, and no other one', async () => {
    const { cert, key } = await selfSigned();
    const io = await serve(createTlsServer({ cert, key }));
    io.on('connection', (socket) => socket.emit('hello', LARGE));
    const url = `https://127.0.0.1:${io.port}`;
    for (const tls of [{ ca: cert }, { insecure: true }]) {
      const received = connect(io.port, { url, tls });
      await eventually(() => expect(received.events).to.have.length(1));
      expect(received.events[0]?.[1] === LARGE, 'a large message over TLS').to.equal(true);
    }
    const careful = connect(io.port, { url });
    await eventually(() => expect(careful.closed?.error).to.include({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }));
  });

  it('joins fragments, with control frames in between and with any split of the bytes', async () => {
    const whole = Buffer.concat([
      frame(0x01, 'one '),
      frame(0x89, 'ping'),
      frame(0x00, 'two '),
      frame(0x80, 'thrée'),
      frame(0x81, 'next'),
    ]);
    const sent: Buffer[] = [];
    const server = createTcpServer((tcp) => {
      tcp.setNoDelay(true);
      tcp.on('data', (bytes: Buffer) => sent.push(bytes));
      answerOnce(tcp, ...Array.from(whole, (byte) => Buffer.of(byte)));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    undo.defer(() => void server.close());
    const texts: string[] = [];
    const url = new URL(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const socket = new LeanWebSocket({ url }, { text: (one) => texts.push(one), closed() {} });
    undo.defer(() => socket.close());
    await eventually(() => expect(texts).to.deep.equal(['one two thrée', 'next']));
    await eventually(() => {
      // A pong with the payload of the ping, masked with zeros.
      expect(Buffer.concat(sent).includes(Buffer.from('8a8400000000' + '70696e67', 'hex'))).to.equal(true);
    });
  });
});

/** Upgrades the first request without checking it, and writes the pieces one by one. */
function answerOnce(tcp: TcpSocket, ...pieces: Buffer[]): void {
  tcp.on('error', () => {});
  tcp.once('data', () => {
    tcp.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    const next = () => {
      const piece = pieces.shift();
      if (piece) tcp.write(piece, () => setImmediate(next));
    };
    next();
  });
}

function text(content: string): Buffer {
  return frame(0x81, content);
}

/** A frame of a server: short and not masked. */
function frame(head: number, content: string): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.of(head, bytes.length), bytes]);
}
