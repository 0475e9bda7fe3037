import type { ConversationId, Group, MessageChanged, UserId } from '@chat-cluster/contracts';
import { newConversationId } from '@chat-cluster/domain';
import {
  conversationRoom,
  createDeliveredMarks,
  createEphemeralEmitter,
  createFanout,
  type PubSub,
  roomChannel,
} from '@chat-cluster/redis';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { memoryLogger, newClients } from './clients.ts';
import { message, metric, newUser } from './emitted.ts';
import { type Device, type Gateway, startGateway } from './gateways.ts';

for (const kind of ['sharded', 'classic'] as const) {
  describe(`fan-out of conversations with the ${kind} adapter`, () => {
    const clients = newClients();
    let gateways: [Gateway, Gateway];
    let worker: PubSub;
    let fanout: ReturnType<typeof createFanout>;
    /** What each gateway was notified of, in order. */
    const signals: [gateway: number, signal: unknown][] = [];

    before(async () => {
      const start = async (index: number) => {
        const gateway = await startGateway(await clients.pubsub(undefined, kind));
        gateway.onRoomSignal({
          onRooms: (userId) => signals.push([index, { rooms: userId }]),
          onLeave: (id, userIds) => {
            signals.push([index, { leave: id, userIds }]);
            for (const socket of gateway.io.of('/').sockets.values()) {
              if (userIds.some((userId) => socket.rooms.has(userId))) void socket.leave(conversationRoom(id));
            }
          },
        });
        return gateway;
      };
      gateways = [await start(0), await start(1)];
      worker = await clients.pubsub(undefined, kind);
      fanout = createFanout(worker.publisher, memoryLogger().logger);
    });
    afterEach(() => signals.splice(0));
    after(async () => {
      await Promise.all(gateways.map((gateway) => gateway.close()));
      await clients.close();
    });

    async function device(gateway: number, userId: UserId, id?: ConversationId, protocol = 2): Promise<Device> {
      const at = gateways[gateway] as Gateway;
      const one = await at.device();
      one.socket.data.protocol = protocol;
      for (const room of id ? [userId, conversationRoom(id)] : [userId]) {
        await one.socket.join(room);
        await at.subscribed(room);
      }
      return one;
    }
    const entry = (id: ConversationId, seq: number) => {
      const { receiverId: _, ...rest } = message(newUser('a'), newUser('b'));
      return { ...rest, conversationId: id, seq };
    };
    const changed = (conversationId: ConversationId, seq: number, rev: number): MessageChanged => ({
      ...{ conversationId, seq, rev, by: 'alice' as UserId, at: '2026-01-01T12:00:00.000Z' },
      reactions: [{ emoji: '👍', count: rev }],
    });

    it('reaches the devices in the room of a group, in order, and no others', async () => {
      const id = newConversationId();
      const inside = [await device(0, newUser('a'), id), await device(1, newUser('b'), id)];
      const outside = await device(1, newUser('c'));
      const entries = Array.from({ length: 20 }, (_, i) => entry(id, i + 1));
      const counted = await metric('chat_group_messages_total');
      await fanout.conversationEvents(entries.map((one) => ({ type: 'message', to: { room: id }, message: one })));
      expect(await metric('chat_group_messages_total')).to.equal(counted + 20);
      for (const one of inside) {
        await eventually(() => expect(one.events).to.deep.equal(entries.map((each) => ['new_message', each])));
      }
      expect(outside.events).to.deep.equal([]);
    });

    it('publishes a message to a room once, for any number of devices', async () => {
      const id = newConversationId();
      const inside: Device[] = [];
      for (let n = 0; n < 6; n++) inside.push(await device(n % 2, newUser('member'), id));
      for (const { arrived } of gateways) arrived.splice(0);
      await fanout.conversationEvents([{ type: 'message', to: { room: id }, message: entry(id, 1) }]);
      for (const one of inside) await eventually(() => expect(one.events).to.have.length(1));
      for (const { arrived } of gateways) expect(arrived).to.deep.equal([roomChannel(conversationRoom(id))]);
    });

    it('reaches the rooms of users with the events of protocol 2 only where they are supported', async () => {
      const [user, id] = [newUser('a'), newConversationId()];
      const [modern, base] = [await device(0, user), await device(0, user, undefined, 1)];
      const one = entry(id, 1);
      await fanout.conversationEvents([
        { type: 'changed', to: { users: [user] }, changed: changed(id, 1, 1) },
        { type: 'message', to: { users: [user] }, message: one },
        { type: 'changed', to: { users: [user] }, changed: changed(id, 1, 2) },
      ]);
      const settings = { muted: true, archived: false, markedUnread: false };
      const ephemeral = createEphemeralEmitter(worker.publisher);
      ephemeral.emit('conversation_changed', user, { conversationId: id, settings });
      ephemeral.emit('block_changed', user, { userId: 'mallory', blocked: true });
      await fanout.unreadCounts([{ userId: user, unread: { count: 1 } }]);
      await eventually(() =>
        expect(modern.events).to.deep.equal([
          ['message_changed', changed(id, 1, 1)],
          ['new_message', one],
          ['message_changed', changed(id, 1, 2)],
          ['conversation_changed', { conversationId: id, settings }],
          ['block_changed', { userId: 'mallory', blocked: true }],
          ['unread_count', { count: 1 }],
        ]),
      );
      const expected = [
        ['new_message', one],
        ['unread_count', { count: 1 }],
      ];
      await eventually(() => expect(base.events).to.deep.equal(expected));
    });

    it('delivered marks of a moment reach each user once, the newest of each member, and only with protocol 2', async () => {
      const [a, b, c] = [newUser('a'), newUser('b'), newUser('c')] as const;
      const id = newConversationId();
      const [modern, other, base] = [await device(0, a), await device(1, b), await device(0, a, undefined, 1)];
      const published = () => metric('chat_ephemeral_published_total', { event: 'messages_delivered', result: 'ok' });
      const before = await published();
      const marks = createDeliveredMarks(createEphemeralEmitter(worker.publisher));
      const mark = (userId: UserId, upToSeq: number) => ({ conversationId: id, userId, upToSeq });
      marks.emit([b, c], mark(a, 1));
      marks.emit([a, c], mark(b, 1));
      marks.emit([a, b], mark(c, 1));
      marks.emit([b, c], mark(a, 2));
      marks.emit([], mark(a, 3));
      const events = (...received: object[]) => [['messages_delivered', { marks: received }]];
      await eventually(() => expect(modern.events).to.deep.equal(events(mark(b, 1), mark(c, 1))));
      await eventually(() => expect(other.events).to.deep.equal(events(mark(a, 2), mark(c, 1))));
      await eventually(async () => expect((await published()) - before).to.equal(3));
      expect(base.events).to.deep.equal([]);
    });

    it('removes a user from the room in order with the messages', async () => {
      const [user, id] = [newUser('gone'), newConversationId()];
      const gone = [await device(0, user, id), await device(1, user, id)];
      const stays = await device(0, newUser('stays'), id);
      const group = { title: 'x', role: null, memberCount: 1, windows: [{ fromSeq: 1, toSeq: 2 }] } as unknown as Group;
      const messages = [1, 2, 3, 4].map(
        (seq) => ({ type: 'message', to: { room: id }, message: entry(id, seq) }) as const,
      );
      const membership = {
        type: 'membership',
        conversationId: id,
        groups: new Map([[user, group]]),
        room: 'leave',
      } as const;
      await fanout.conversationEvents([...messages.slice(0, 2), membership, ...messages.slice(2)]);
      await eventually(() => expect(stays.events).to.have.length(4));
      for (const one of gone) {
        await eventually(() => expect(one.events.map(([event]) => event)).to.include('conversation_changed'));
        expect(one.events.filter(([event]) => event === 'new_message')).to.have.length(2);
      }
      await eventually(() => expect(signals.filter(([, one]) => 'rooms' in (one as object))).to.have.length(2));
    });

    it('signals a join only to gateways that hold the user', async () => {
      const [user, id] = [newUser('new'), newConversationId()];
      const one = await device(1, user);
      const group = { title: 'x', role: 'member', memberCount: 2, windows: [{ fromSeq: 2, toSeq: null }] };
      const groups = new Map([[user, group as unknown as Group]]);
      await fanout.conversationEvents([{ type: 'membership', conversationId: id, groups, room: 'join' }]);
      await eventually(() => expect(signals).to.deep.equal([[1, { rooms: user }]]));
      await eventually(() =>
        expect(one.events).to.deep.equal([['conversation_changed', { conversationId: id, group }]]),
      );
    });

    it('sends the reactions of a room before the entry that removes a member', async () => {
      const [user, id] = [newUser('gone'), newConversationId()];
      const one = await device(0, user, id);
      const system = { type: 'removed' as const, userIds: [user] };
      const removal = {
        type: 'message',
        to: { room: id },
        message: { ...entry(id, 2), content: null, system },
      } as const;
      for (const rev of [1, 2]) {
        const to = { room: id, only: [user] };
        await fanout.conversationEvents([{ type: 'changed', to, changed: changed(id, 1, rev) }]);
      }
      await fanout.conversationEvents([removal]);
      await eventually(() => expect(one.events).to.have.length(3));
      expect(one.events.map(([event]) => event)).to.deep.equal(['message_changed', 'message_changed', 'new_message']);
    });

    it('sends a change to the members who may see the message, instead of to the room', async () => {
      const id = newConversationId();
      const [sees, other] = [newUser('sees'), newUser('other')];
      const [one, two] = [await device(0, sees, id), await device(0, other, id)];
      const [first, second] = [changed(id, 1, 1), changed(id, 2, 2)];
      await fanout.conversationEvents([
        { type: 'changed', to: { room: id, only: [sees] }, changed: first },
        { type: 'changed', to: { room: id }, changed: second },
      ]);
      await eventually(() => expect(two.events).to.deep.equal([['message_changed', second]]));
      await eventually(() => expect(one.events).to.have.length(2));
    });

    it('coalesces the reactions of a room, keeps every number, and lets no other change overtake them', async () => {
      const id = newConversationId();
      const one = await device(0, newUser('a'), id);
      const reactions = Array.from({ length: 50 }, (_, i) => changed(id, (i % 2) + 1, i + 1));
      const { reactions: _, ...rest } = changed(id, 1, 51);
      const edit = { ...rest, edited: { content: 'x' } };
      for (const each of [...reactions, edit]) {
        await fanout.conversationEvents([{ type: 'changed', to: { room: id }, changed: each }]);
      }
      const changes = () => one.events.map(([, payload]) => payload as MessageChanged);
      await eventually(() => expect(changes().at(-1)).to.deep.equal(edit));
      const numbers = changes().flatMap(({ rev, covers = [] }) => [...covers, rev]);
      expect(numbers, 'without a gap between two events').to.deep.equal(Array.from({ length: 51 }, (_, i) => i + 1));
      expect(changes().length).to.be.below(20);
    });
  });
}
