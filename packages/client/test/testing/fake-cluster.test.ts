import { clientAcks, ERRORS, errorCodes, HTTP_STATUS, serverEvents } from '@chat-cluster/contracts';
import { expect } from 'chai';
import { ERROR_TABLE } from '../../src/testing/errors.ts';
import { createFakeCluster } from '../../src/testing/index.ts';
import { fakeDevice } from './fake-device.ts';

describe('a fake cluster', () => {
  it('welcomes a connection with session and badge; connections alternate between gateways', async () => {
    const cluster = createFakeCluster();
    cluster.send({ from: 'bob', to: 'alice', content: 'waiting' });
    const [first, second] = [await fakeDevice(cluster, 'alice'), await fakeDevice(cluster, 'alice')];
    expect(first.log).to.deep.equal(['connect', 'session', 'unread_count']);
    expect(first.received('unread_count')).to.deep.equal([{ count: 1 }]);
    const gateways = [first, second].map((one) => (one.received('session')[0] as { gatewayId: string }).gatewayId);
    expect(gateways).to.deep.equal(['gateway-1', 'gateway-2']);
    expect(cluster.connections('alice').map(({ gatewayId }) => gatewayId)).to.deep.equal(gateways);
  });

  it('stores messages with dense numbers and delivers them to all devices of both users', async () => {
    const cluster = createFakeCluster();
    const { id } = cluster.open('alice', 'bob');
    const devices = await Promise.all(['alice', 'alice', 'bob', 'bob'].map((user) => fakeDevice(cluster, user)));
    const acks = await Promise.all(
      ['1', '2', '3'].map((content) => devices[0]?.call('send_message', { conversationId: id, content })),
    );
    await cluster.idle();
    const stored = cluster.messages(id);
    expect(stored.map(({ seq, content }) => [seq, content])).to.deep.equal([
      [1, '1'],
      [2, '2'],
      [3, '3'],
    ]);
    expect(acks.map((ack) => ack?.message)).to.deep.equal(stored);
    for (const device of devices) expect(device.messages()).to.deep.equal(stored);
    expect(devices[2]?.received('unread_count').at(-1)).to.deep.equal({
      count: 3,
      conversations: [{ conversationId: id, count: 3 }],
    });
    expect(devices[0]?.received('unread_count')).to.deep.equal([{ count: 0 }]);
  });

  it('stores a resend once, and delivers it once', async () => {
    const cluster = createFakeCluster();
    const { id } = cluster.open('alice', 'bob');
    const [alice, bob] = [await fakeDevice(cluster, 'alice'), await fakeDevice(cluster, 'bob')];
    const draft = { conversationId: id, content: 'once', clientMessageId: 'one' };
    const [first, again] = [await alice.call('send_message', draft), await alice.call('send_message', draft)];
    expect(first.duplicate).to.equal(false);
    expect(again).to.deep.equal({ ...first, duplicate: true });
    const other = await bob.call('send_message', draft);
    expect(other.duplicate, 'the id of another sender').to.equal(false);
    expect(bob.messages().map(({ seq }) => seq)).to.deep.equal([1, 2]);
  });

  it('moves read marks forward only, and notifies both users', async () => {
    const cluster = createFakeCluster();
    for (const content of ['1', '2', '3']) cluster.send({ from: 'alice', to: 'bob', content });
    const { id } = cluster.open('alice', 'bob');
    const [alice, bob] = [await fakeDevice(cluster, 'alice'), await fakeDevice(cluster, 'bob')];
    const read = (upToSeq?: number) => bob.call('read_messages', { conversationId: id, upToSeq });
    expect(await read(2)).to.deep.equal({ ok: true, conversationId: id, upToSeq: 2, unread: { count: 1 } });
    expect(await read(1)).to.include({ upToSeq: 2 });
    expect(await read()).to.deep.include({ upToSeq: 3, unread: { count: 0 } });
    await cluster.idle();
    for (const device of [alice, bob]) {
      const receipts = device.received('messages_read') as { upToSeq: number }[];
      expect(receipts.map(({ upToSeq }) => upToSeq)).to.deep.equal([2, 3]);
    }
    expect(bob.received('unread_count').at(-1)).to.deep.include({ count: 0 });
    expect(cluster.messages(id).every(({ isRead }) => isRead)).to.equal(true);
    expect([cluster.readMark('bob', id), cluster.unread('bob')]).to.deep.equal([3, 0]);
  });

  it('relays typing, and presence to users with a common conversation', async () => {
    const cluster = createFakeCluster({ offlineAfterMs: 6_000 });
    const { id } = cluster.open('alice', 'bob');
    const [alice, bob] = [await fakeDevice(cluster, 'alice'), await fakeDevice(cluster, 'bob')];
    await fakeDevice(cluster, 'carol');
    expect(await alice.call('watch_presence', { userIds: ['bob', 'carol'] })).to.deep.include({
      presence: [
        { userId: 'bob', online: true },
        { userId: 'carol', online: false },
      ],
    });
    cluster.open('carol', 'alice');
    await bob.call('typing', { conversationId: id, typing: true });
    bob.socket.disconnect();
    await cluster.advance(5_999);
    const online = { userId: 'carol', online: true };
    expect(alice.received('presence')).to.deep.equal([online]);
    const left = new Date(cluster.now() - 5_999).toISOString();
    await cluster.advance(1);
    expect(alice.received('presence')).to.deep.equal([online, { userId: 'bob', online: false, lastSeenAt: left }]);
    expect(alice.received('typing')).to.deep.equal([{ conversationId: id, userId: 'bob', typing: true }]);
    expect(bob.received('typing')).to.deep.equal([]);
  });

  it('rejects what the server rejects, with a coded error that names the field', async () => {
    const cluster = createFakeCluster();
    const { id: conversationId } = cluster.open('alice', 'bob');
    const secret = cluster.open('bob', 'carol').id;
    const alice = await fakeDevice(cluster, 'alice');
    const refused = async (event: string, payload: unknown) => {
      const { error } = (await alice.call(event, payload)) as { error?: { code: string; message: string } };
      return `${error?.code} ${error?.message}`;
    };
    expect(await refused('send_message', { conversationId, content: ' \u200b' })).to.match(
      /^VALIDATION_FAILED content/,
    );
    expect(await refused('send_message', { conversationId, content: 'x'.repeat(10_001) })).to.match(/content/);
    expect(await refused('send_message', { conversationId: 'x', content: 'x' })).to.match(
      /conversationId: must be a UUID/,
    );
    expect(await refused('sync', { conversations: [], limit: 501 })).to.match(/^VALIDATION_FAILED limit/);
    expect(await refused('sync', { conversations: [], since: 'x' })).to.match(/^VALIDATION_FAILED since/);
    expect(await refused('send_message', { conversationId: secret, content: 'x' })).to.match(/^CONVERSATION_NOT_FOUND/);
    expect(await refused('no_event', {})).to.match(/^UNKNOWN_EVENT/);
    alice.socket.emit('typing', { conversationId });
    await cluster.idle();
    expect(alice.received('exception')).to.have.nested.property('[0].event', 'typing');
  });

  it('has the errors of the contract', () => {
    const table = errorCodes.map((code) => [code, { ...ERRORS[code], status: HTTP_STATUS[code] }]);
    expect(ERROR_TABLE).to.deep.equal(Object.fromEntries(table));
  });

  it('sends events and acks of the shapes of the contract', async () => {
    const cluster = createFakeCluster();
    const { id: conversationId } = cluster.open('alice', 'bob');
    const [alice, bob] = [await fakeDevice(cluster, 'alice'), await fakeDevice(cluster, 'bob')];
    const group = cluster.createGroup({ ownerId: 'bob', title: 'Lunch', userIds: ['alice'] });
    cluster.send({ from: 'alice', conversationId: group.id, content: 'Hi', mentions: ['bob'], replyToSeq: 1 });
    const message = { conversationId: group.id, seq: 2 };
    cluster.configure('bob', group.id, { markedUnread: true });
    const calls = {
      send_message: { conversationId, content: 'Hi', attachments: [{ url: 'https://a.example/ü', type: 'PDF' }] },
      read_messages: { conversationId },
      sync: {
        conversations: [
          { id: conversationId, afterSeq: 0 },
          { id: group.id, afterSeq: 0, afterRev: 0 },
        ],
        since: 'now',
      },
      watch_presence: { userIds: ['alice', 'bob'] },
      unwatch_presence: { userIds: ['bob'] },
      edit_message: { ...message, content: 'Hello', mentions: ['alice'] },
      set_reaction: { ...message, emoji: '👍', on: true },
      mark_delivered: { conversations: [{ id: conversationId, upToSeq: 2 }] },
      create_group: { title: 'Dinner', userIds: ['alice'] },
      change_group: { conversationId: group.id, change: { type: 'rename', title: 'Lunch at noon' } },
      set_conversation: { conversationId: group.id, settings: { muted: true } },
      set_block: { userId: 'eve', blocked: true },
      typing: { conversationId, typing: true },
      refresh_token: { token: cluster.tokenFor('bob') },
    };
    await bob.call('watch_presence', { userIds: ['alice'] });
    for (const [event, payload] of Object.entries(calls)) {
      await alice.call(event, payload);
      if (event === 'mark_delivered') cluster.send({ from: 'bob', to: 'alice', content: 'Have you got it?' });
      if (event === 'mark_delivered') cluster.deliver('alice', conversationId, 3);
      clientAcks[event as keyof typeof calls].parse(await bob.call(event, payload));
    }
    clientAcks.delete_message.parse(await bob.call('delete_message', message));
    bob.socket.emit('typing', {});
    alice.socket.disconnect();
    await cluster.advance(6_000);
    cluster.requireSync();
    cluster.announceExpiry('bob');
    cluster.drain({ gatewayId: 'gateway-2' });
    cluster.expire('bob');
    await cluster.idle();
    const seen = Object.entries(serverEvents).map(([event, shape]) => {
      for (const payload of bob.received(event)) shape.strict().parse(payload);
      return [event, bob.received(event).length > 0];
    });
    expect(seen.filter(([, isSeen]) => !isSeen)).to.deep.equal([]);
  });
});
