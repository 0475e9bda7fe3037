import { randomBytes } from 'node:crypto';
import type { UserId } from '@chat-cluster/contracts';
import { type Fanout, newConversationId } from '@chat-cluster/domain';
import { createFanout, type RedisClient, roomChannel } from '@chat-cluster/redis';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { memoryLogger, newClients } from './clients.ts';
import { message, metric, newUser } from './emitted.ts';
import { type Device, type Gateway, startGateway } from './gateways.ts';

const TRACE = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;

describe('fan-out', () => {
  const clients = newClients();
  let redis: RedisClient;
  let fanout: Fanout;
  let one: Gateway;
  let two: Gateway;
  const devices: Device[] = [];

  before(async () => {
    redis = await clients.connect('publish');
    fanout = createFanout((await clients.pubsub()).publisher, memoryLogger().logger);
    const gateway = async () => startGateway(await clients.pubsub());
    [one, two] = [await gateway(), await gateway()];
  });
  afterEach(() => {
    for (const device of devices.splice(0)) device.close();
  });
  after(async () => {
    await Promise.all([one.close(), two.close()]);
    await clients.close();
  });

  /** A device in the user's room, subscribed as by a gateway. */
  async function join(gateway: Gateway, room: string, transport?: string): Promise<Device> {
    const device = await gateway.device(transport);
    devices.push(device);
    await device.socket.join(room);
    await gateway.subscribed(room);
    return device;
  }

  describe('from a worker', () => {
    it('reaches every device of both users once, on any gateway', async () => {
      const [a, b] = [newUser('a'), newUser('b')];
      const reached = [await join(one, a), await join(two, a), await join(two, b), await join(two, b)];
      const stranger = await join(two, newUser('c'));
      const sent = message(a, b, 'to "all"\u2028 of you');
      await fanout.newMessages([sent]);
      await fanout.unreadCounts([{ userId: b, unread: { count: 7 } }]);
      await eventually(() => expect(reached.at(-1)?.events).to.have.length(2));
      await eventually(() => {
        for (const device of reached) expect(device.events[0]).to.deep.equal(['new_message', sent]);
      });
      expect(reached.map((device) => device.events.length)).to.deep.equal([1, 1, 2, 2]);
      expect(reached[2]?.events[1]).to.deep.equal(['unread_count', { count: 7 }]);
      expect(stranger.events).to.deep.equal([]);
    });

    it('keeps the order of its emits', async () => {
      const [a, b] = [newUser('a'), newUser('b')];
      const device = await join(one, b);
      const sent = Array.from({ length: 300 }, (_, i) => ({ ...message(a, b), seq: i + 1 }));
      await Promise.all([fanout.newMessages(sent.slice(0, 100)), fanout.newMessages(sent.slice(100, 101))]);
      await Promise.all([fanout.newMessages(sent.slice(101, 299)), fanout.newMessages(sent.slice(299))]);
      await eventually(() => expect(device.events).to.have.length(300));
      expect(device.events.map(([, payload]) => payload)).to.deep.equal(sent);
    });

    it('reaches devices on long-polling and sockets with a listener for outgoing events', async () => {
      const [a, b] = [newUser('a'), newUser('b')];
      const devices = [await join(one, b, 'polling'), await join(one, b), await join(two, b)];
      const seen: unknown[] = [];
      devices[2]?.socket.onAnyOutgoing((event, payload) => seen.push([event, payload]));
      const large = message(a, b, `${'ü'.repeat(40_000)}\n"`);
      const sent = [message(a, b, 'one'), message(a, b, 'two\nlines'), large, message(a, b, 'x'.repeat(120))];
      await fanout.newMessages(sent.slice(0, 1));
      await fanout.newMessages(sent.slice(1));
      // The trace of a message does not reach devices.
      const traced = [
        message(a, b, 'three'),
        message(a, b, 'four\n"}},"packet"'),
        message(a, b, 'five'),
        message(a, b, 'six'),
      ];
      sent.push(...traced);
      await fanout.newMessages(traced, new Map(traced.slice(1, 2).map(({ id }) => [id, TRACE])));
      const expected = sent.map((each) => ['new_message', each]);
      await eventually(() => {
        for (const device of devices) expect(device.events).to.deep.equal(expected);
      });
      expect(seen).to.deep.equal(expected);
    });

    it('delivers a note to oneself once', async () => {
      const me = newUser('me');
      const device = await join(one, me);
      await fanout.newMessages([message(me, me, 'note')]);
      await fanout.unreadCounts([{ userId: me, unread: { count: 0 } }]);
      await eventually(() => expect(device.events.map(([event]) => event)).to.include('unread_count'));
      expect(device.events.map(([event]) => event)).to.deep.equal(['new_message', 'unread_count']);
    });

    it('delivers receipts to their recipients', async () => {
      const [a, b] = [newUser('a'), newUser('b')];
      const [ofA, ofB] = [await join(one, a), await join(two, b)];
      const receipt = {
        conversationId: newConversationId(),
        userId: b,
        upToSeq: 3,
        readAt: '2026-01-01T12:00:00.000Z',
      };
      await fanout.messagesRead([{ to: [b, a], receipt }]);
      for (const device of [ofA, ofB]) {
        await eventually(() => expect(device.events).to.deep.equal([['messages_read', receipt]]));
      }
    });

    it('costs nothing on a gateway that holds none of its users', async () => {
      const [a, b, other] = [newUser('a'), newUser('b'), newUser('other')];
      const [device, elsewhere] = [await join(one, a), await join(two, other)];
      two.arrived.splice(0);
      await fanout.newMessages([message(a, b), message(b, a)]);
      await fanout.unreadCounts([{ userId: other, unread: { count: 0 } }]);
      await eventually(() => expect(device.events).to.have.length(2));
      await eventually(() => expect(elsewhere.events).to.have.length(1));
      expect(two.arrived).to.deep.equal([roomChannel(other)]);
    });

    it('counts its emits by event', async () => {
      const [a, b] = [newUser('a'), newUser('b')];
      const published = () => metric('chat_fanout_published_total', { event: 'new_message' });
      const before = await published();
      await fanout.newMessages([message(a, b), message(a, a)]);
      expect(await published()).to.equal(before + 3);
    });

    it('does nothing for empty lists', async () => {
      await Promise.all([fanout.newMessages([]), fanout.messagesRead([]), fanout.unreadCounts([])]);
    });
  });

  describe('from a gateway', () => {
    it('reaches the room on any gateway', async () => {
      const room = newUser('room');
      const reached = [await join(one, room), await join(two, room)];
      one.io.to(room).emit('hello', { from: 'one' });
      for (const device of reached) {
        await eventually(() => expect(device.events).to.deep.equal([['hello', { from: 'one' }]]));
      }
    });
  });

  describe('the channel of a room', () => {
    const subscribers = async (room: string) => {
      const counts = await redis.pubSubShardNumSub([roomChannel(room)]);
      return Object.values(counts)[0];
    };

    it('is subscribed by the gateways that hold one of its sockets, and by no other', async () => {
      const room = newUser('room');
      expect(await subscribers(room)).to.equal(0);
      const [first, second] = [await join(one, room), await join(one, room)];
      expect(await subscribers(room)).to.equal(1);
      const third = await join(two, room);
      expect(await subscribers(room)).to.equal(2);
      third.close();
      first.close();
      await eventually(async () => expect(await subscribers(room)).to.equal(1));
      second.close();
      await eventually(async () => expect(await subscribers(room)).to.equal(0));
    });

    it('is separate also for a room that looks like a socket id', async () => {
      const room = `twenty-${randomBytes(6).toString('hex')}x`;
      expect(room).to.have.length(20);
      await join(one, room);
      expect(await subscribers(room)).to.equal(1);
      two.arrived.splice(0);
      await fanout.unreadCounts([{ userId: room as UserId, unread: { count: 1 } }]);
      await eventually(() => expect(devices.at(-1)?.events).to.deep.equal([['unread_count', { count: 1 }]]));
      expect(two.arrived).to.deep.equal([]);
    });
  });

  describe('a room just joined', () => {
    it('misses no emit once it is subscribed', async () => {
      const device = await join(one, newUser('first'));
      const rooms = Array.from({ length: 200 }, (_, i) => newUser(`room${i}`));
      for (const room of rooms) {
        void device.socket.join(room);
        await one.subscribed(room);
        await fanout.unreadCounts([{ userId: room, unread: { count: rooms.indexOf(room) } }]);
      }
      await eventually(() => expect(device.events).to.have.length(200));
      expect(device.events.map(([, payload]) => payload)).to.deep.equal(rooms.map((_, count) => ({ count })));
    });

    it('misses no emit either when it was left just before', async () => {
      const device = await join(one, newUser('first'));
      const room = newUser('room');
      for (let count = 0; count < 20; count++) {
        void device.socket.join(room);
        await one.subscribed(room);
        await fanout.unreadCounts([{ userId: room, unread: { count } }]);
        await eventually(() => expect(device.events).to.have.length(count + 1));
        void device.socket.leave(room);
      }
    });

    it('is subscribed also for the second of two sockets that join at once', async () => {
      const room = newUser('room');
      const [first, second] = [await one.device(), await one.device()];
      devices.push(first, second);
      void first.socket.join(room);
      void second.socket.join(room);
      await one.subscribed(room);
      await fanout.unreadCounts([{ userId: room, unread: { count: 1 } }]);
      for (const device of [first, second]) await eventually(() => expect(device.events).to.have.length(1));
    });
  });
});
