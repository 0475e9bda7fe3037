import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { expect } from 'chai';
import { eventually } from '../src/eventually.ts';
import { type FaultProxy, startFaultProxy } from '../src/fault-proxy.ts';
import { seededRandom } from '../src/random.ts';

describe('the fault proxy', () => {
  let upstream: Upstream;
  let proxy: FaultProxy;
  const clients: Client[] = [];

  beforeEach(async () => {
    upstream = await startUpstream();
    proxy = await startFaultProxy({ upstreams: [upstream.port], random: seededRandom('proxy') });
  });

  afterEach(async () => {
    for (const { socket } of clients.splice(0)) socket.destroy();
    await proxy[Symbol.asyncDispose]();
    await upstream.close();
  });

  async function open(port = proxy.port): Promise<Client> {
    const client = await connectTo(port);
    clients.push(client);
    return client;
  }

  it('forwards bytes in order in both directions, and the end of a stream', async () => {
    const client = await open();
    const sent = Buffer.alloc(3_000_000, 'abcdefg');
    client.socket.end(sent);
    await client.closed;
    expect(client.received.equals(sent)).to.equal(true);
    expect(proxy.connections).to.equal(0);
  });

  it('refuses new connections and keeps the open ones', async () => {
    const old = await open();
    await old.echo('before');
    proxy.set({ kind: 'refuse' });
    const refused = await open().then(({ closed }) => closed, code);
    expect(refused).to.match(/ECONNRESET|end/);
    await old.echo('still here');
    proxy.set({ kind: 'pass' });
    await (await open()).echo('again');
  });

  it('resets every connection with RST, and new ones until the fault is over', async () => {
    const old = await open();
    await old.echo('before');
    proxy.set({ kind: 'reset' });
    expect(await old.closed).to.equal('ECONNRESET');
    await eventually(() => expect(upstream.sockets.size).to.equal(0));
    expect(await open().then(({ closed }) => closed, code)).to.match(/ECONNRESET|end/);
    proxy.set({ kind: 'pass' });
    await (await open()).echo('again');
  });

  it('loses nothing in a black hole: the bytes arrive after the fault', async () => {
    const old = await open();
    await old.echo('before');
    proxy.set({ kind: 'blackhole' });
    old.socket.write(' during');
    const fresh = await open();
    fresh.socket.write('new');
    // An echo through a second proxy, started later, shows that there was enough time for the bytes to arrive.
    await using other = await startFaultProxy({ upstreams: [upstream.port] });
    await (await open(other.port)).echo('time passes');
    expect([old.text, fresh.text]).to.deep.equal(['before', '']);
    expect([old.socket.destroyed, fresh.socket.destroyed]).to.deep.equal([false, false]);
    proxy.set({ kind: 'pass' });
    await eventually(() => expect([old.text, fresh.text]).to.deep.equal(['before during', 'new']));
  });

  it('can be a black hole in one direction only', async () => {
    const client = await open();
    await client.echo('before');
    proxy.set({ kind: 'blackhole' }, 'toClient');
    client.socket.write(' there');
    await eventually(() => expect(upstream.received()).to.equal('before there'));
    expect(client.text).to.equal('before');
    proxy.set({ kind: 'pass' }, 'toClient');
    await eventually(() => expect(client.text).to.equal('before there'));
  });

  it('holds a bounded number of bytes: a sender into a black hole stops', async () => {
    const client = await open();
    await client.echo('x');
    proxy.set({ kind: 'blackhole' });
    const before = process.memoryUsage().arrayBuffers;
    const megabyte = Buffer.alloc(1_000_000);
    for (let i = 0; i < 40; i++) client.socket.write(megabyte);
    await eventually(() => expect(client.socket.writableLength).to.be.greaterThan(20_000_000));
    expect(process.memoryUsage().arrayBuffers - before).to.be.lessThan(10_000_000);
    proxy.set({ kind: 'pass' });
    await eventually(() => expect(client.received.length).to.equal(40_000_001));
  });

  it('delays every byte and keeps their order', async () => {
    proxy.set({ kind: 'delay', ms: 100, jitterMs: 50 });
    const client = await open();
    const started = performance.now();
    for (let i = 0; i < 100; i++) client.socket.write(`${i},`);
    const all = Array.from({ length: 100 }, (_, i) => `${i},`).join('');
    await eventually(() => expect(client.text).to.equal(all));
    expect(performance.now() - started).to.be.greaterThan(199);
  });

  it('limits the number of bytes per second', async () => {
    const client = await open();
    await client.echo('x');
    proxy.set({ kind: 'bandwidth', bytesPerSecond: 100_000 }, 'toUpstream');
    const started = performance.now();
    client.socket.write(Buffer.alloc(30_000));
    await eventually(() => expect(client.received.length).to.equal(30_001));
    expect(performance.now() - started).to.be.within(280, 3_000);
  });

  it('can be half open: the upstream is lost and the client is not notified until the fault is over', async () => {
    const client = await open();
    await client.echo('before');
    proxy.set({ kind: 'half-open' });
    await eventually(() => expect(upstream.sockets.size).to.equal(0));
    client.socket.write('into nothing');
    await eventually(() => expect(client.socket.writableLength).to.equal(0));
    expect(client.socket.destroyed).to.equal(false);
    proxy.set({ kind: 'pass' });
    expect(await client.closed).to.equal('ECONNRESET');
    expect(upstream.received()).to.equal('before');
    await (await open()).echo('again');
  });

  it('cuts a connection after a number of bytes', async () => {
    const client = await open();
    await client.echo('before');
    proxy.set({ kind: 'cut', afterBytes: 1_000 });
    await client.echo('a'.repeat(100));
    client.socket.write('b'.repeat(2_000));
    expect(await client.closed).to.equal('ECONNRESET');
    proxy.set({ kind: 'pass' });
    await (await open()).echo('again');
  });

  it('uses several upstreams in turn and skips those that refuse connections', async () => {
    const second = await startUpstream();
    const gone = await startUpstream();
    await gone.close();
    await using entry = await startFaultProxy({ upstreams: [upstream.port, gone.port, second.port] });
    for (let i = 0; i < 9; i++) await (await open(entry.port)).echo('x');
    expect(upstream.accepted() + second.accepted()).to.equal(9);
    expect(Math.min(upstream.accepted(), second.accepted())).to.be.greaterThan(2);
    for (const { socket } of clients) socket.destroy();
    await second.close();
  });

  it('resets a client when no upstream accepts', async () => {
    await upstream.close();
    expect(await open().then(({ closed }) => closed, code)).to.match(/ECONNRESET|end/);
  });
});

interface Client {
  socket: Socket;
  readonly received: Buffer;
  readonly text: string;
  /** How the connection ended: 'end', or the code of the error. */
  closed: Promise<string>;
  /** Writes `text` and waits until it has come back. */
  echo(text: string): Promise<void>;
}

async function connectTo(port: number): Promise<Client> {
  const socket = connect({ host: '127.0.0.1', port });
  const chunks: Buffer[] = [];
  let how = 'end';
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', (error) => {
    how = code(error);
  });
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(how)));
  await once(socket, 'connect');
  const client: Client = {
    socket,
    closed,
    get received() {
      return Buffer.concat(chunks);
    },
    get text() {
      return client.received.toString();
    },
    async echo(text) {
      const before = client.text;
      socket.write(text);
      await eventually(() => expect(client.text).to.equal(before + text));
    },
  };
  return client;
}

interface Upstream {
  port: number;
  sockets: Set<Socket>;
  received(): string;
  accepted(): number;
  close(): Promise<void>;
}

/** A server that sends back what it receives. */
async function startUpstream(): Promise<Upstream> {
  const sockets = new Set<Socket>();
  let received = '';
  let accepted = 0;
  const server: Server = createServer((socket) => {
    accepted++;
    sockets.add(socket);
    socket.on('data', (chunk) => {
      if (received.length < 1_000) received += chunk;
    });
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    if (!server.listening) return;
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
  };
  return { port, sockets, received: () => received, accepted: () => accepted, close };
}

function code(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
