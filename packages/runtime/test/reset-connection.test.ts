import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { resetConnection } from '@chat-cluster/runtime';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';

describe('resetConnection', () => {
  let server: Server;
  let far: Socket;
  let near: Socket;

  beforeEach(async () => {
    server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const accepted = once(server, 'connection');
    near = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
    await once(near, 'connect');
    [far] = await accepted;
    far.on('error', () => {});
  });
  afterEach(() => {
    far.destroy();
    server.close();
  });

  const openConnections = () => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;

  for (const [connection, prepare] of Object.entries({
    'an open connection': () => {},
    'a connection whose end is on its way': () => near.end(),
    'a connection whose end waits for a peer that reads nothing': () => near.end(Buffer.alloc(16_000_000)),
    'a connection that has sent its end': () => once(near.end(), 'finish'),
  })) {
    it(`releases ${connection}`, async () => {
      await prepare();
      resetConnection(near);
      await once(near, 'close');
      far.destroy();
      await eventually(() => expect(openConnections()).to.equal(0));
    });
  }

  it('drops data that the peer has not read', async () => {
    near.write(Buffer.alloc(16_000_000));
    resetConnection(near);
    far.resume();
    const [error] = await once(far, 'error');
    expect(error).to.have.property('code', 'ECONNRESET');
  });
});
