import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { startSockets } from './socket-edge.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe('an idle connection', () => {
  for (const transports of [['websocket'], ['polling', 'websocket'], ['polling']]) {
    it(`references neither its opening request nor its token (${transports.join(', then ')})`, async () => {
      await using edge = await startSockets();
      const opening: WeakRef<object>[] = [];
      edge.io.engine.on('connection', ({ request }: { request: object }) => opening.push(new WeakRef(request)));
      edge.http.on('upgrade', (request) => opening.push(new WeakRef(request)));
      edge.io.on('connection', (socket) => socket.on('hello' as never, ((ack: () => void) => ack()) as never));

      const client = await edge.connected('alice', { transports });
      await eventually(() => expect(client.io.engine.transport.name).to.equal(transports.at(-1)));
      await client.timeout(2_000).emitWithAck('hello');
      const [socket] = edge.io.of('/').sockets.values();
      expect(socket?.data.userId).to.equal('alice');
      expect(JSON.stringify(socket?.handshake)).not.to.include('eyJ');
      expect(socket?.request).to.equal(undefined);
      await eventually(() => {
        collectGarbage();
        expect(opening.map((reference) => reference.deref())).to.deep.equal(opening.map(() => undefined));
      });
      // It still closes like any other connection.
      client.disconnect();
      await eventually(() => expect(edge.io.engine.clientsCount).to.equal(0));
    });
  }
});
