import { once } from 'node:events';
import { Agent, get, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { Server as SocketServer } from 'socket.io';
import { HTTP_DEADLINES } from '../src/cluster/listen.ts';
import { loadConfig } from '../src/config.ts';
import { createHttpServer } from '../src/http/http-server.ts';
import { boundIdleConnections } from '../src/http/idle-connections.ts';

const ENV = { DATABASE_URL: 'postgres://none', REDIS_URL: 'redis://none', JWT_SECRET: 'x' };

describe('an idle HTTP connection', () => {
  let server: Server;
  let agent: Agent;

  beforeEach(() => {
    agent = new Agent({ keepAlive: true, maxSockets: 10, maxFreeSockets: 10 });
  });
  afterEach(() => {
    agent.destroy();
    server.close();
    server.closeAllConnections();
  });

  async function listen(settings: NodeJS.ProcessEnv = {}) {
    server = createHttpServer(loadConfig({ ...ENV, ...settings }), (_, response) => response.end('ok'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }

  /** Sends a request; resolves with the connection that it used. */
  async function request(path = '/'): Promise<Socket> {
    const sent = get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', agent, path });
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const { socket } = response;
    response.resume();
    await once(response, 'end');
    return socket;
  }

  it('outlasts those of common balancers by default', async () => {
    await listen();
    // Of a request or a response without traffic, as in socket/server.ts.
    server.timeout = 1_000;
    expect(server.keepAliveTimeout).to.be.greaterThan(600_000);
    const first = await request();
    // Node closes connections with late headers from this time on; one without a request has none.
    const began = performance.now();
    await eventually(() => expect(performance.now() - began).to.be.above(HTTP_DEADLINES.headersTimeout + 2_000));
    expect(await request()).to.equal(first);
  });

  it('is closed after HTTP_KEEP_ALIVE_MS', async () => {
    await listen({ HTTP_KEEP_ALIVE_MS: '1000' });
    const socket = await request();
    if (!socket.destroyed) await once(socket, 'close');
  });

  for (const [path, perAddress, all] of [
    ['/', 2, 100],
    ['/', 100, 2],
    ['/socket.io/?EIO=4&transport=polling', 2, 100],
  ] as const) {
    it(`is closed when too many are idle: ${path}, ${perAddress} of an address, ${all} of the process`, async () => {
      await listen();
      const sockets = new SocketServer(server);
      boundIdleConnections(server, perAddress, all);
      const idle = await Promise.all([request(path), request(path), request(path)]);
      expect(new Set(idle).size).to.equal(3);
      await eventually(() => expect(idle.filter(({ destroyed }) => destroyed)).to.have.lengthOf(1));
      await sockets.close();
    });
  }
});
