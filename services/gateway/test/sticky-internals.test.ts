import { type ChildProcess, fork as forkProcess } from 'node:child_process';
import cluster, { type Worker } from 'node:cluster';
import { type EventEmitter, once } from 'node:events';
import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import {
  bindSession,
  closeUnconfirmed,
  handOverConnections,
  isOffered,
  keepsConnection,
  offerFork,
  stopReading,
  unbindSession,
  withholdFork,
} from '../src/cluster/sticky-internals.ts';

/** What sticky sends to a fork. */
interface Handover {
  fork: number;
  message: { type: string; data: Buffer };
  socket?: Socket;
}

describe("the private parts of @socket.io/sticky and Node's cluster that the gateway uses", () => {
  let entry: Server;
  let handovers: Handover[];
  /** Both ends of every connection. */
  const sockets: Socket[] = [];

  before(async () => {
    entry = createServer({ allowHalfOpen: true });
    handOverConnections(entry);
    entry.on('connection', (socket) => sockets.push(socket));
    await once(entry.listen(0, '127.0.0.1'), 'listening');
  });
  after(() => {
    for (const event of ['message', 'exit']) cluster.removeAllListeners(event);
    entry.close();
  });
  beforeEach(() => {
    handovers = [];
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const id of Object.keys(cluster.workers ?? {})) delete cluster.workers?.[Number(id)];
  });

  /** A fork that only records what it is sent. */
  const recorder = (id: number) =>
    ({
      id,
      send: (message: Handover['message'], socket?: Socket) =>
        handovers.push({ fork: id, message, ...(typeof socket === 'object' ? { socket } : {}) }),
    }) as unknown as Worker;

  async function request(text: string): Promise<Handover> {
    const client = connect((entry.address() as AddressInfo).port, '127.0.0.1').on('error', () => {});
    sockets.push(client);
    const before = handovers.length;
    client.write(text);
    await eventually(() => expect(handovers.length).to.be.greaterThan(before));
    return handovers[before] as Handover;
  }

  it('are those of the installed versions: check this file and sticky-internals.ts when one of them changes', () => {
    const manifest = findPackageJSON('@socket.io/sticky', import.meta.url) ?? '';
    expect(JSON.parse(readFileSync(manifest, 'utf8')).version).to.equal('2.0.1');
    expect(process.version).to.match(/^v24\./);
  });

  it('offerFork, withholdFork: sticky chooses among the offered forks, and responds 503 while there is none', async () => {
    const [first, second] = [recorder(1), recorder(2)];
    offerFork(first);
    offerFork(second);
    withholdFork(first);
    expect([isOffered(first), isOffered(second), isOffered(undefined)]).to.deep.equal([false, true, false]);
    for (let i = 0; i < 10; i++) expect((await request('GET / HTTP/1.1\r\n\r\n')).fork).to.equal(2);
    withholdFork(second);
    const client = connect((entry.address() as AddressInfo).port, '127.0.0.1');
    client.write('GET / HTTP/1.1\r\n\r\n');
    expect(String((await once(client, 'data'))[0])).to.match(/^HTTP\/1.1 503 /);
    client.destroy();
  });

  it('keepsConnection: a request with a body is passed on, any other is handed over with its connection', async () => {
    offerFork(recorder(1));
    const whole = await request('GET / HTTP/1.1\r\n\r\n');
    expect(keepsConnection(whole.message)).to.equal(false);
    expect(whole.socket).to.be.an('object');
    const begin = await request('POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n1');
    expect(keepsConnection(begin.message)).to.equal(true);
    expect(begin.socket).to.equal(undefined);
  });

  it('bindSession, unbindSession: sticky hands the requests of a bound session to its fork', async () => {
    const sid = 'abcdefghij0123456789';
    const forks = Array.from({ length: 8 }, (_, i) => recorder(i + 1));
    for (const fork of forks) offerFork(fork);
    bindSession(forks[6] as Worker, sid);
    const get = () => request(`GET /socket.io/?sid=${sid} HTTP/1.1\r\n\r\n`);
    for (let i = 0; i < 10; i++) expect((await get()).fork).to.equal(7);
    unbindSession(forks[6] as Worker, sid);
    await eventually(async () => expect((await get()).fork).not.to.equal(7));
  });

  /** Both ends of a connection that sticky does not handle. */
  async function connection(): Promise<{ client: Socket; socket: Socket }> {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {});
    const [socket] = (await once(server, 'connection')) as [Socket];
    server.close();
    sockets.push(client, socket);
    return { client, socket };
  }

  it('stopReading: bytes of the client stay in the kernel', async () => {
    const { client, socket } = await connection();
    socket.on('data', () => {});
    stopReading(socket);
    client.write('hello');
    client.end();
    await once(client, 'finish');
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(socket.bytesRead).to.equal(0);
    expect(stopReading(undefined)).to.equal(undefined);
  });

  it('closeUnconfirmed: connections sent to a fork that has not confirmed them are closed', async () => {
    const child: ChildProcess = forkProcess('/dev/null', { stdio: 'ignore', serialization: 'advanced' });
    child.kill('SIGSTOP');
    const closed: Promise<unknown>[] = [];
    for (let i = 0; i < 3; i++) {
      const { client, socket } = await connection();
      closed.push(once(client.resume(), 'close'));
      child.send('yours', socket);
    }
    const exited = once(child as EventEmitter, 'exit');
    child.kill('SIGKILL');
    await exited;
    closeUnconfirmed({ process: child } as unknown as Worker);
    await Promise.all(closed);
  });
});
