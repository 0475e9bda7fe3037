import { createServer, type Server as HttpServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Socket as TcpSocket } from 'node:net';
import { expect } from 'chai';
import { Server, type ServerOptions } from 'socket.io';
import { eventually } from '../src/eventually.ts';
import { LeanClient, type LeanClientOptions } from '../src/lean-client.ts';
import { LeanWebSocket } from '../src/lean-websocket.ts';
import { selfSigned } from '../src/self-signed.ts';

/** What a client of the test has heard. */
interface Heard {
  client: LeanClient;
  connected: boolean;
  refused: string[];
  events: [name: string, payload: unknown][];
  /** undefined while it is open. */
  closed: { status: number | undefined; error: Error | undefined } | undefined;
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

  function connect(port: number, options: Partial<LeanClientOptions> = {}): Heard {
    const heard: Omit<Heard, 'client'> = { connected: false, refused: [], events: [], closed: undefined };
    const client = new LeanClient(
      { url: `http://127.0.0.1:${port}`, token: 'a token', ...options },
      {
        connected: () => {
          heard.connected = true;
        },
        refused: (code) => heard.refused.push(code),
        event: (name, payload) => heard.events.push([name, payload]),
        closed: (status, error) => {
          heard.closed = { status, error };
        },
      },
    );
    undo.defer(() => client.close());
    return Object.assign(heard, { client });
  }

  it('shows its token, sends and hears events, and gets each ack for its own call', async () => {
    const io = await serve(createServer());
    io.on('connection', (socket) => {
      socket.emit('hello', { token: socket.handshake.auth.token });
      socket.on('say', (payload) => socket.emit('said', payload));
      socket.on('double', (n: number, ack) => setTimeout(() => ack(n * 2), 10 - n));
    });
    const heard = connect(io.port);
    await eventually(() => expect(heard.connected).to.equal(true));
    heard.client.emit('say', { text: 'grüße' });
    const answers = await Promise.all(
      [1, 2, 3].map((n) => new Promise((resolve) => heard.client.call('double', n, resolve))),
    );
    expect(answers).to.deep.equal([2, 4, 6]);
    expect(heard.events).to.deep.equal([
      ['hello', { token: 'a token' }],
      ['said', { text: 'grüße' }],
    ]);
  });

  it('takes and sends messages of every length of a frame', async () => {
    const io = await serve(createServer());
    io.on('connection', (socket) => socket.on('echo', (text, ack) => ack(text)));
    const heard = connect(io.port);
    await eventually(() => expect(heard.connected).to.equal(true));
    for (const text of ['', 'x'.repeat(110), 'x'.repeat(65_500), 'x'.repeat(65_536), LARGE]) {
      const answer = await new Promise<string>((resolve) => heard.client.call('echo', text, resolve));
      expect(answer === text, `${text.length} characters come back`).to.equal(true);
    }
  });

  it('answers pings, so that the server keeps it, and leaves a server that sends none', async () => {
    const io = await serve(createServer(), { pingInterval: 50, pingTimeout: 5_000 });
    const heard = connect(io.port);
    await eventually(() => expect(heard.connected).to.equal(true));
    const [socket] = await io.fetchSockets();
    let pongs = 0;
    io.sockets.sockets.get(socket?.id ?? '')?.conn.on('packet', ({ type }) => {
      if (type === 'pong') pongs++;
    });
    await eventually(() => expect(pongs).to.be.at.least(4));
    expect(heard.closed).to.equal(undefined);

    const silent = createTcpServer((tcp) => answerOnce(tcp, text('0{"pingInterval":50,"pingTimeout":50}')));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    undo.defer(() => void silent.close());
    const left = connect((silent.address() as AddressInfo).port);
    await eventually(() => expect(left.closed).to.not.equal(undefined));
  });

  it('tells the code of a refusal, and that a server said goodbye', async () => {
    const io = await serve(createServer());
    io.use((socket, next) => {
      if (socket.handshake.auth.token === 'a token') next();
      else next(Object.assign(new Error('no'), { data: { code: 'TOKEN_INVALID' } }));
    });
    const refused = connect(io.port, { token: 'another' });
    await eventually(() => expect(refused.refused).to.deep.equal(['TOKEN_INVALID']));
    const welcome = connect(io.port);
    await eventually(() => expect(welcome.connected).to.equal(true));
    io.disconnectSockets();
    await eventually(() => expect(welcome.closed).to.deep.include({ status: undefined }));
  });

  it('tells the status of an answer that is no upgrade, and why there was no answer', async () => {
    const http = createServer((_, response) => response.writeHead(503).end());
    http.on('upgrade', (_, socket) => socket.end('HTTP/1.1 404 Not Found\r\n\r\n'));
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    const { port } = http.address() as AddressInfo;
    const wrong = connect(port);
    await eventually(() => expect(wrong.closed).to.deep.include({ status: 404 }));
    await new Promise((resolve) => http.close(resolve));
    const nobody = connect(port);
    await eventually(() => expect(nobody.closed?.error).to.include({ code: 'ECONNREFUSED' }));
  });

  it('speaks TLS: trusts an authority it is given, or anybody when told so, and else nobody', async () => {
    const { cert, key } = await selfSigned();
    const io = await serve(createTlsServer({ cert, key }));
    io.on('connection', (socket) => socket.emit('hello', LARGE));
    const url = `https://127.0.0.1:${io.port}`;
    for (const tls of [{ ca: cert }, { insecure: true }]) {
      const heard = connect(io.port, { url, tls });
      await eventually(() => expect(heard.events).to.have.length(1));
      expect(heard.events[0]?.[1] === LARGE, 'a large message over TLS').to.equal(true);
    }
    const careful = connect(io.port, { url });
    await eventually(() => expect(careful.closed?.error).to.include({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }));
  });

  it('puts fragments together, whatever comes in between and however the bytes are cut', async () => {
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
      // A pong with what the ping carried, masked with zeros.
      expect(Buffer.concat(sent).includes(Buffer.from('8a8400000000' + '70696e67', 'hex'))).to.equal(true);
    });
  });
});

/** Upgrades the first request, whatever it is, and writes the pieces one by one. */
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
