import type { Worker } from 'node:cluster';
import { EventEmitter, once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { createEntry, type Entry } from '../src/cluster/entry.ts';
import type { Handover } from '../src/cluster/take-connections.ts';
import { sessionIdsOf, tagOf } from '../src/socket/connect/session-id.ts';
import { metric } from './socket-edge.ts';

describe('the entry of several processes', () => {
  let entry: Entry;
  let handovers: { fork: string; head: string }[];
  /** Both ends of every connection. */
  const sockets: Socket[] = [];

  beforeEach(async () => {
    handovers = [];
    entry = createEntry(3);
    entry.server.on('connection', (socket) => sockets.push(socket));
    await once(entry.server.listen(0, '127.0.0.1'), 'listening');
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
    entry.server.close();
  });

  function client(): Socket {
    const socket = connect({ port: (entry.server.address() as AddressInfo).port, host: '127.0.0.1', noDelay: true });
    socket.on('error', () => {});
    sockets.push(socket);
    return socket;
  }

  /** A fork that only records what it is sent. */
  function offer(name: string): Worker & EventEmitter {
    const send = ({ head }: Handover, _socket: Socket, done: (error: null) => void) => {
      handovers.push({ fork: name, head: String(head) });
      done(null);
    };
    const fork = Object.assign(new EventEmitter(), { send, process: {} }) as unknown as Worker & EventEmitter;
    entry.offer(fork, tagOf(name));
    return fork;
  }

  async function forkOf(head: string): Promise<string | undefined> {
    const before = handovers.length;
    client().write(head);
    await eventually(() => expect(handovers.length).to.be.greaterThan(before));
    expect(handovers[before]?.head).to.equal(head);
    return handovers[before]?.fork;
  }

  it('hands requests of a session to the fork that made it, also after its end, and others to any fork', async () => {
    const names = ['a', 'b', 'c', 'd'];
    for (const name of names) offer(name);
    for (const name of [...names, ...names]) {
      const sid = sessionIdsOf(tagOf(name))();
      expect(await forkOf(`GET /socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\n`)).to.equal(name);
    }
    const seen = new Set<string | undefined>();
    await eventually(async () => {
      seen.add(await forkOf('GET /socket.io/?EIO=4&transport=polling&sid=invented HTTP/1.1\r\n'));
      seen.add(await forkOf('GET / HTTP/1.1\r\n'));
      expect([...seen].sort()).to.deep.equal(names);
    });
  });

  it('waits for the complete line, and passes on every byte that it has read', async () => {
    offer('a');
    const accepted = once(entry.server, 'connection') as Promise<[Socket]>;
    const socket = client();
    const [side] = await accepted;
    for (const part of ['\r\n', 'GET /?a', '=1 HTTP/1.1\r']) {
      const read = once(side, 'data');
      socket.write(part);
      await read;
      expect(handovers).to.deep.equal([]);
    }
    socket.write('\nHost: x');
    await eventually(() => expect(handovers).to.have.length(1));
    expect(handovers[0]?.head).to.equal('\r\nGET /?a=1 HTTP/1.1\r\nHost: x');
  });

  it('uses only forks that are alive, and responds UNAVAILABLE while there is none', async () => {
    const [first, second] = [offer('a'), offer('b')];
    first.emit('disconnect');
    expect([entry.isOffered(first), entry.isOffered(second), entry.isOffered(undefined)]).to.deep.equal([
      false,
      true,
      false,
    ]);
    for (let i = 0; i < 10; i++) expect(await forkOf('GET / HTTP/1.1\r\n')).to.equal('b');
    second.emit('disconnect');
    const socket = client();
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await text(socket)).to.match(/^HTTP\/1.1 503 [\s\S]*Retry-After: 1[\s\S]*"code":"UNAVAILABLE"/);
  });

  it('sends a retired fork only the requests of its sessions', async () => {
    const [first] = [offer('a'), offer('b')];
    entry.retire(first);
    expect(entry.isOffered(first)).to.equal(false);
    for (let i = 0; i < 10; i++) expect(await forkOf('GET / HTTP/1.1\r\n')).to.equal('b');
    const sid = sessionIdsOf(tagOf('a'))();
    expect(await forkOf(`GET /socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\n`)).to.equal('a');
  });

  it('closes the oldest of too many connections that wait, counts it, and hands over the others', async () => {
    offer('a');
    const evicted = await metric('chat_entry_evicted_total');
    const [oldest, second] = [client(), client()];
    for (const socket of [oldest, second]) {
      const accepted = once(entry.server, 'connection');
      socket.write('GET /');
      await accepted;
    }
    for (let i = 0; i < 5; i++) await forkOf('GET / HTTP/1.1\r\n');
    const closed = once(oldest.resume(), 'close');
    client();
    client();
    await closed;
    expect(await metric('chat_entry_evicted_total')).to.equal(evicted + 1);
    second.write('second HTTP/1.1\r\n');
    await eventually(() => expect(handovers.at(-1)?.head).to.equal('GET /second HTTP/1.1\r\n'));
  });

  it('closes as many connections as arrived in one turn beyond the bound', async () => {
    const evicted = await metric('chat_entry_evicted_total');
    const sides: Socket[] = [];
    entry.server.on('connection', (socket) => sides.push(socket));
    for (let i = 0; i < 8; i++) client();
    await eventually(() => expect(sides).to.have.length(8));
    expect(await metric('chat_entry_evicted_total')).to.equal(evicted + 5);
    expect(sides.map(({ destroyed }) => destroyed)).to.deep.equal([...Array(5).fill(true), ...Array(3).fill(false)]);
  });

  it('closes a connection whose client leaves before its line is complete', async () => {
    offer('a');
    const accepted = once(entry.server, 'connection') as Promise<[Socket]>;
    client().end('GET /');
    await once((await accepted)[0], 'close');
    expect(handovers).to.deep.equal([]);
  });
});
