import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { resetConnection } from '@chat-cluster/runtime';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';

describe('a reset of a connection', () => {
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

  for (const [when, prepare] of Object.entries({
    'that is open': () => {},
    'whose end is on its way': () => near.end(),
    'whose end waits for a peer that takes nothing': () => near.end(Buffer.alloc(16_000_000)),
    'that has sent its end': () => once(near.end(), 'finish'),
  })) {
    it(`frees one ${when}`, async () => {
      await prepare();
      resetConnection(near);
      await once(near, 'close');
      far.destroy();
      await eventually(() => expect(openConnections()).to.equal(0));
    });
  }

  it('drops what the peer has not taken', async () => {
    near.write(Buffer.alloc(16_000_000));
    resetConnection(near);
    far.resume();
    const [error] = await once(far, 'error');
    expect(error).to.have.property('code', 'ECONNRESET');
  });
});
