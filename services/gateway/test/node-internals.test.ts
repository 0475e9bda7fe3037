import { type ChildProcess, fork as forkProcess } from 'node:child_process';
import type { Worker } from 'node:cluster';
import { type EventEmitter, once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect } from 'chai';
import {
  closeUnconfirmed,
  dropReadRequests,
  hasBegunResponse,
  pushAfterResponse,
  stopReading,
} from '../src/cluster/node-internals.ts';

describe('the private parts of Node that the gateway uses', () => {
  /** Both ends of every connection. */
  const sockets: Socket[] = [];

  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });

  it('are those of the installed version: check this file and node-internals.ts when it changes', () => {
    expect(process.version).to.match(/^v24\./);
  });

  /** Both ends of a new connection. */
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
  });

  it('dropReadRequests: no more requests of the connection are handled, and other connections are served', async () => {
    let handled = 0;
    const server = createHttpServer(({ socket, url }, response) => {
      if (url !== '/many') return void response.end();
      if (++handled === 3) dropReadRequests(socket);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const client = connect(port, '127.0.0.1').on('error', () => {});
    sockets.push(client);
    client.write('GET /many HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1_000));
    const [socket] = (await once(server, 'connection')) as [Socket];
    await once(server, 'request');
    expect(handled).to.equal(3);
    socket.destroy();
    // The parser of that connection is used again.
    for (let i = 0; i < 3; i++) expect((await fetch(`http://127.0.0.1:${port}/`)).status).to.equal(200);
    expect(handled).to.equal(3);
    server.closeAllConnections();
    server.close();
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

  it('pushAfterResponse: a body is pushed until its end, and the connection serves the next request', async () => {
    const pushed: unknown[] = [];
    const http = createHttpServer((request, response) => {
      const push = request.push.bind(request);
      request.push = (part: unknown) => {
        pushed.push(part === null ? null : String(part));
        return push(part);
      };
      pushAfterResponse(request);
      response.end();
    });
    await once(http.listen(0, '127.0.0.1'), 'listening');
    const client = connect((http.address() as AddressInfo).port, '127.0.0.1').on('error', () => {});
    sockets.push(client);
    for (const part of ['a', 'b']) {
      client.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n');
      await once(client, 'data');
      client.write(part);
    }
    client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(client, 'data');
    expect(pushed).to.deep.equal(['a', null, 'b', null, null]);
    http.close();
    http.closeAllConnections();
  });

  it('hasBegunResponse: from the head of a response to its end', async () => {
    const { promise: answered, resolve } = Promise.withResolvers<boolean[]>();
    const http = createHttpServer((request, response) => {
      const before = hasBegunResponse(request.socket);
      response.write('a');
      const begun = hasBegunResponse(request.socket);
      response.end(() => setImmediate(() => resolve([before, begun, hasBegunResponse(request.socket)])));
    });
    await once(http.listen(0, '127.0.0.1'), 'listening');
    await (await fetch(`http://127.0.0.1:${(http.address() as AddressInfo).port}/`)).text();
    expect(await answered).to.deep.equal([false, true, false]);
    http.close();
    http.closeAllConnections();
  });
});
