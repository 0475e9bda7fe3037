import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { UserId } from '@chat-cluster/contracts';
import { newConversationId } from '@chat-cluster/domain';
import { createFanout, roomChannel } from '@chat-cluster/redis';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { controlMessage } from '../src/pubsub/control-message.ts';
import { leaveSignal, userSignal } from '../src/pubsub/room-signal.ts';
import { type LocalSocket, type ReceivingAdapter, sendEncoded } from '../src/pubsub/socket-io-internals.ts';
import { wireOf } from '../src/pubsub/wire.ts';
import { memoryLogger, newClients } from './clients.ts';
import { metric, newUser } from './emitted.ts';
import { startGateway } from './gateways.ts';

/** Major and minor version of a package as the module `from` loads it, and the path of its main file. */
function installed(name: string, from: string): { version: string; path: string } {
  const path = createRequire(from).resolve(name);
  let folder = dirname(path);
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  expect(manifest.name).to.equal(name);
  return { version: manifest.version.split('.').slice(0, 2).join('.'), path };
}

/**
 * After an update of one of these packages: read its changes to the parts in socket-io-internals.ts, then change this.
 */
describe("Socket.IO's private parts", () => {
  const clients = newClients();
  after(() => clients.close());

  it('are those of the installed versions', () => {
    const socketIo = installed('socket.io', import.meta.url);
    const redisAdapter = installed('@socket.io/redis-adapter', import.meta.url);
    expect(socketIo.version).to.equal('4.8');
    expect(redisAdapter.version).to.equal('8.3');
    expect(installed('engine.io', socketIo.path).version).to.equal('6.6');
    for (const { path } of [socketIo, redisAdapter]) {
      expect(installed('socket.io-adapter', path).version).to.equal('2.5');
    }
  });

  for (const kind of ['sharded', 'classic'] as const) {
    it(`let a method of the instance receive the messages of the ${kind} adapter`, async () => {
      const gateway = await startGateway(await clients.pubsub(undefined, kind));
      try {
        const user = newUser('user') as UserId;
        const device = await gateway.device();
        await device.socket.join(user);
        await gateway.subscribed(user);
        const received = () => metric('chat_fanout_received_total');
        const before = await received();
        const { publisher } = await clients.pubsub(undefined, kind);
        await createFanout(publisher, memoryLogger().logger).unreadCounts([{ userId: user, unread: { count: 1 } }]);
        await eventually(() => expect(device.events).to.deep.equal([['unread_count', { count: 1 }]]));
        expect(await received()).to.equal(before + 1);
      } finally {
        await gateway.close();
      }
    });
  }

  for (const kind of ['sharded', 'classic'] as const) {
    it(`ignore signals and requests in the ${kind} adapter, as a gateway of an earlier version receives them`, async () => {
      const gateway = await startGateway(await clients.pubsub(undefined, kind));
      try {
        const user = newUser('user') as UserId;
        const device = await gateway.device();
        await device.socket.join(user);
        const adapter = gateway.io.of('/').adapter as unknown as ReceivingAdapter;
        const stock: ReceivingAdapter = Object.getPrototypeOf(adapter);
        const channel = Buffer.from(roomChannel(user));
        for (const message of [
          userSignal({}),
          userSignal({ leave: newConversationId() }),
          leaveSignal([user]),
          controlMessage('?', JSON.stringify({ id: 'x', act: 'list' })),
        ]) {
          stock.onRawMessage?.call(adapter, Buffer.from(message), channel);
          stock.onmessage?.call(adapter, null, channel, Buffer.from(message));
        }
        const emit = wireOf(kind).emit(user, wireOf(kind).packet('unread_count', { count: 1 }));
        stock.onRawMessage?.call(adapter, Buffer.from(emit), channel);
        stock.onmessage?.call(adapter, null, channel, Buffer.from(emit));
        await eventually(() => expect(device.events).to.deep.equal([['unread_count', { count: 1 }]]));
      } finally {
        await gateway.close();
      }
    });
  }

  it('write the frame to a websocket, and the packet to a long-polling connection', async () => {
    const gateway = await startGateway(await clients.pubsub());
    try {
      for (const [transport, expected] of [
        ['websocket', ['frame', 1]],
        ['polling', ['packet', 2]],
      ] as const) {
        const { socket, events } = await gateway.device(transport);
        const text = '42["frame",1]';
        const frame = [Buffer.from([0x81, text.length]), Buffer.from(text)];
        sendEncoded(socket as unknown as LocalSocket, '2["packet",2]', frame);
        await eventually(() => expect(events, transport).to.deep.equal([expected]));
      }
    } finally {
      await gateway.close();
    }
  });
});
