import type { UserId } from '@chat-cluster/contracts';
import { createFanout } from '@chat-cluster/redis';
import { eventually, startFaultProxy } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { memoryLogger, newClients } from './clients.ts';
import { message, metric, newUser } from './emitted.ts';
import { startGateway } from './gateways.ts';
import { ownRedis } from './own-redis.ts';

describe('fan-out while Redis is away', () => {
  it('loses emits of lanes, rejects badges, counts both, and later notifies the users who missed one', async () => {
    await using server = await ownRedis();
    await using proxy = await startFaultProxy({ upstreams: [server.port] });
    const publisherUrl = throughProxy(server.url, proxy);
    const clients = newClients();
    const gateway = await startGateway(await clients.pubsub(server.url));
    try {
      const { logger, lines } = memoryLogger();
      const { publisher } = await clients.pubsub(publisherUrl);
      const fanout = createFanout(publisher, logger);
      const [a, b] = [newUser('a'), newUser('b')];
      const device = await gateway.device();
      await device.socket.join(b);
      await gateway.subscribed(b);
      // The fan-out has read which server it has: otherwise it would report a gap of all gateways, as for another server.
      await publisher.publish('unused', '');

      proxy.set({ kind: 'reset' });
      await eventually(() => expect(publisher.answers).to.equal(false));
      const lost = await metric('chat_fanout_publish_errors_total');
      await fanout.newMessages([message(a, b), message(a, a)]);
      const rejected = await fanout.unreadCounts([{ userId: b, unread: { count: 1 } }]).catch((error: Error) => error);
      expect(rejected).to.be.an('error');
      expect(await metric('chat_fanout_publish_errors_total')).to.equal(lost + 4);
      expect(lines).to.deep.include({
        level: 'warn',
        fields: { event: 'new_message', lost: 3 },
        text: 'fan-out: emits lost, redis did not accept them',
      });
      expect(device.events).to.deep.equal([]);

      proxy.set({ kind: 'pass' });
      await eventually(() => expect(device.events).to.deep.equal([['sync_required', { reason: 'fanout_gap' }]]));
      await fanout.unreadCounts([{ userId: b, unread: { count: 2 } }]);
      await eventually(() => expect(device.events[1]).to.deep.equal(['unread_count', { count: 2 }]));
    } finally {
      await gateway.close();
      await clients.close();
    }
  });

  it('still reaches the sockets of the same gateway, which reports a gap when Redis is back', async () => {
    await using server = await ownRedis();
    const clients = newClients();
    const pubsub = await clients.pubsub(server.url);
    const gateway = await startGateway(pubsub);
    try {
      const b = newUser('b');
      const device = await gateway.device();
      await device.socket.join(b);
      await gateway.subscribed(b);
      let gaps = 0;
      gateway.onGap(() => gaps++);

      await server.stop();
      await eventually(() => expect(pubsub.publisher.answers).to.equal(false));
      gateway.io.to(b).emit('hello');
      await eventually(() => expect(device.events).to.deep.equal([['hello', undefined]]));
      expect(gaps).to.equal(0);

      await server.restart();
      await eventually(() => expect(gaps).to.equal(1));
      await eventually(() => expect(pubsub.publisher.answers).to.equal(true));
      await createFanout(pubsub.publisher, memoryLogger().logger).unreadCounts([{ userId: b, unread: { count: 2 } }]);
      await eventually(() => expect(device.events[1]).to.deep.equal(['unread_count', { count: 2 }]));
    } finally {
      await gateway.close();
      await clients.close();
    }
  });

  it('notifies every gateway of a gap when too many users have missed an emit', async () => {
    await using server = await ownRedis();
    await using proxy = await startFaultProxy({ upstreams: [server.port] });
    const publisherUrl = throughProxy(server.url, proxy);
    const clients = newClients();
    const gateway = await startGateway(await clients.pubsub(server.url));
    try {
      let gaps = 0;
      gateway.onGap(() => gaps++);
      const device = await gateway.device();
      await device.socket.join('room');
      // Earlier subscriptions are confirmed by then, too.
      await gateway.subscribed('room');
      const { publisher } = await clients.pubsub(publisherUrl);
      const fanout = createFanout(publisher, memoryLogger().logger);

      proxy.set({ kind: 'reset' });
      await eventually(() => expect(publisher.answers).to.equal(false));
      await fanout.newMessages(Array.from({ length: 5_001 }, (_, i) => message(`a${i}` as UserId, `b${i}` as UserId)));
      expect(gaps).to.equal(0);
      proxy.set({ kind: 'pass' });
      await eventually(() => expect(gaps).to.equal(1));
    } finally {
      await gateway.close();
      await clients.close();
    }
  });
});

/** The URL for the publisher. The gateway is connected directly, so it receives everything that is published. */
function throughProxy(url: string, { port }: { port: number }): string {
  const through = new URL(url);
  through.port = String(port);
  return through.href;
}
