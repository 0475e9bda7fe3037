import type { ConversationsPage, SendAck, UnreadCount } from '@chat-cluster/contracts';
import { api, eventually, openConversation, startTestCluster, type TestCluster } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { codeOf, createGroup, type Device, devicesOf, newUsers, okOf, send, syncOne } from './group-devices.ts';

const ADMIN_TOKEN = 'token-of-the-administrators';

describe('settings of users', () => {
  let cluster: TestCluster;
  const devices = devicesOf(() => cluster);

  before(async () => {
    cluster = await startTestCluster({ env: { ADMIN_TOKEN } });
  });
  after(() => cluster.stop());
  afterEach(() => devices.closeAll());

  async function pair() {
    const [a, b] = newUsers('alice', 'bob') as [string, string];
    const id = await openConversation(cluster, a, b);
    const alice = await devices.connect(a);
    const bob = await devices.connectElsewhere(b, alice.gatewayId);
    return { alice, bob, id };
  }
  const badge = (device: Device) => device.of<UnreadCount>('unread_count').at(-1);

  it('muted conversations count apart, on all devices, and mentions count anyway', async () => {
    const { alice, bob, id } = await pair();
    const other = await devices.connectElsewhere(bob.userId, bob.gatewayId);
    await send(alice, id, 'one');
    await eventually(() => expect(badge(bob)?.count).to.equal(1));
    okOf(await bob.call('set_conversation', { conversationId: id, settings: { muted: true } }));
    for (const device of [bob, other]) {
      await eventually(() => expect(badge(device)).to.deep.include({ count: 0, mutedCount: 1 }));
      expect(device.of('conversation_changed')).to.deep.equal([
        { conversationId: id, settings: { muted: true, archived: false, markedUnread: false } },
      ]);
    }
    const group = (await createGroup(alice, [bob.userId])).id;
    okOf(await bob.call('set_conversation', { conversationId: group, settings: { muted: true } }));
    await send(alice, group, 'see', { mentions: [bob.userId] });
    await eventually(() => expect(badge(bob)).to.deep.include({ count: 0, mutedCount: 2, mentionCount: 1 }));
    okOf(await bob.call('set_conversation', { conversationId: id, settings: { muted: false } }));
    await eventually(() => expect(badge(bob)).to.deep.include({ count: 1, mutedCount: 1, mentionCount: 1 }));
  });

  it('archived ends with the next message, marked unread with the next read', async () => {
    const { alice, bob, id } = await pair();
    await send(alice, id, 'one');
    okOf(await bob.call('set_conversation', { conversationId: id, settings: { archived: true, markedUnread: true } }));
    expect((await syncOne(bob, id)).one.settings).to.deep.include({ archived: true, markedUnread: true });
    await send(alice, id, 'two');
    expect((await syncOne(bob, id)).one.settings).to.deep.include({ archived: false, markedUnread: true });
    okOf(await bob.call('read_messages', { conversationId: id }));
    const list = await api<ConversationsPage>(cluster, bob.userId, 'GET', '/api/messages/conversations');
    expect(list.body.conversations[0]).not.to.have.property('settings');
    expect((await syncOne(alice, id)).one).not.to.have.property('settings');
  });

  it('a stored message gets its first result also after a block, and after the message that it quotes was deleted', async () => {
    const { alice, bob, id } = await pair();
    const quoted = await send(bob, id, 'quoted');
    const reply = { conversationId: id, content: 'reply', clientMessageId: 'reply', replyToSeq: quoted.seq };
    const plain = { conversationId: id, content: 'plain', clientMessageId: 'plain' };
    const stored = [
      okOf<SendAck>(await alice.call('send_message', reply)),
      okOf<SendAck>(await alice.call('send_message', plain)),
    ];
    const resend = async () => [await alice.call('send_message', reply), await alice.call('send_message', plain)];
    okOf(await bob.call('delete_message', { conversationId: id, seq: quoted.seq }));
    const emptied = { ...stored[0]?.message, replyTo: { ...stored[0]?.message.replyTo, text: null, deleted: true } };
    const again = [emptied, stored[1]?.message].map((message) => ({ ok: true, duplicate: true, message }));
    expect(await resend()).to.deep.equal(again);
    okOf(await bob.call('set_block', { userId: alice.userId, blocked: true }));
    await eventually(async () =>
      expect(codeOf(await alice.call('send_message', { conversationId: id, content: 'x' }))).to.equal('FORBIDDEN'),
    );
    expect(await resend()).to.deep.equal(again);
    const other = { ...plain, clientMessageId: 'other' };
    expect(codeOf(await alice.call('send_message', other))).to.equal('FORBIDDEN');
  });

  it('a block refuses messages in both directions, on both gateways at once, and hides presence and typing', async () => {
    const { alice, bob, id } = await pair();
    const elsewhere = await devices.connectElsewhere(alice.userId, alice.gatewayId);
    okOf(await alice.call('watch_presence', { userIds: [bob.userId] }));
    const seen = okOf<{ presence: object[] }>(await bob.call('watch_presence', { userIds: [alice.userId] }));
    await send(alice, id, 'before');
    await send(bob, id, 'before');
    expect(seen.presence).to.deep.equal([{ userId: alice.userId, online: true }]);
    okOf(await alice.call('set_block', { userId: bob.userId, blocked: true }));
    const changes = [{ userId: bob.userId, blocked: true }];
    for (const device of [alice, elsewhere]) {
      await eventually(() => expect(device.of('block_changed')).to.deep.equal(changes));
    }
    // Gateways apply it within moments of the ack.
    for (const device of [alice, bob]) {
      await eventually(async () => {
        const ack = await device.call('send_message', { conversationId: id, content: 'after' });
        expect(codeOf(ack)).to.equal('FORBIDDEN');
        expect(ack.error.message).to.equal('On this server, you cannot write to this user.');
      });
      const edit = await device.call('set_reaction', { conversationId: id, seq: 1, emoji: '👍', on: true });
      expect(codeOf(edit)).to.equal('FORBIDDEN');
      okOf(await device.call('typing', { conversationId: id, typing: true }));
    }
    const offline = { userId: alice.userId, online: false };
    await eventually(() => expect(bob.of('presence')).to.deep.equal([offline]));
    expect(okOf<object>(await bob.call('watch_presence', { userIds: [alice.userId] }))).to.deep.include({
      presence: [offline],
    });
    // A device marks messages by itself as soon as it is connected: the other user would see that.
    okOf(await alice.call('mark_delivered', { conversations: [{ id, upToSeq: 2 }] }));
    expect((await syncOne(bob, id)).one).not.to.have.property('deliveredMarks');
    const blocks = await api<object>(cluster, alice.userId, 'GET', '/api/blocks');
    expect(blocks.body).to.deep.equal({ userIds: [bob.userId] });
    expect((await api<object>(cluster, bob.userId, 'GET', '/api/blocks')).body).to.deep.equal({ userIds: [] });

    okOf(await alice.call('set_block', { userId: bob.userId, blocked: false }));
    await eventually(async () => okOf(await bob.call('send_message', { conversationId: id, content: 'again' })));
    await eventually(() => expect(bob.of('presence').at(-1)).to.deep.equal({ userId: alice.userId, online: true }));
    changes.push({ userId: bob.userId, blocked: false });
    await eventually(() => expect(elsewhere.of('block_changed')).to.deep.equal(changes));
    expect([...alice.of('typing'), ...bob.of('typing'), ...bob.of('block_changed')]).to.deep.equal([]);
    expect(bob.of('messages_delivered')).to.deep.equal([]);
    okOf(await alice.call('mark_delivered', { conversations: [{ id, upToSeq: 2 }] }));
    await eventually(() => expect(bob.of('messages_delivered')).to.have.length(1));
  });

  it('a block prevents a new conversation as the policy of a server does, and changes nothing in groups', async () => {
    const [a, b, c] = newUsers('alice', 'bob', 'carol') as [string, string, string];
    const [alice, bob, carol] = [await devices.connect(a), await devices.connect(b), await devices.connect(c)];
    okOf(await alice.call('set_block', { userId: b, blocked: true }));
    for (const [from, to] of [
      [a, b],
      [b, a],
    ]) {
      const { status, body } = await api<object>(cluster, from, 'POST', '/api/conversations', { participantId: to });
      expect(status).to.equal(403);
      expect(body).to.deep.equal({
        error: { code: 'FORBIDDEN', message: 'On this server, you cannot write to this user.', retryable: false },
      });
    }
    const id = (await createGroup(carol, [a, b])).id as string;
    const sent = await send(bob, id, 'to all');
    await eventually(() => expect(alice.seqs(id)).to.include(sent.seq));
    expect(codeOf(await alice.call('set_block', { userId: a, blocked: true }))).to.equal('VALIDATION_FAILED');
  });

  it('members of a group that the server creates, or adds them to, are contacts', async () => {
    const [a, b, c] = newUsers('alice', 'bob', 'carol') as [string, string, string];
    const [alice, carol] = [await devices.connect(a), await devices.connect(c)];
    await devices.connect(b);
    for (const device of [alice, carol]) okOf(await device.call('watch_presence', { userIds: [b] }));
    const port = cluster.processes.find(({ name }) => name === 'gateway')?.adminPort;
    const post = async (path: string, body: object) => {
      const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
      const options = { method: 'POST', headers, body: JSON.stringify(body) };
      return (await (await fetch(`http://127.0.0.1:${port}${path}`, options)).json()) as { id: string };
    };
    const shownTo = (device: Device) =>
      eventually(() => expect(device.of('presence')).to.deep.equal([{ userId: b, online: true }]));
    const { id } = await post('/groups', { ownerId: b, title: 'Lunch', userIds: [a] });
    await shownTo(alice);
    await post('/group-members', { conversationId: id, add: { userIds: [c] } });
    await shownTo(carol);
  });

  it('former members of a group are no contacts, in either direction and on either gateway', async () => {
    const [a, b, c] = newUsers('alice', 'bob', 'carol') as [string, string, string];
    const alice = await devices.connect(a);
    const [bob, carol] = [await devices.connectElsewhere(b, alice.gatewayId), await devices.connect(c)];
    const id = (await createGroup(alice, [b, c])).id as string;
    for (const device of [alice, bob, carol]) okOf(await device.call('watch_presence', { userIds: [a, b, c] }));
    okOf(await alice.call('change_group', { conversationId: id, change: { type: 'remove', userId: b } }));
    const last = (device: Device, userId: string) =>
      device
        .of<{ userId: string; online: boolean }>('presence')
        .filter((one) => one.userId === userId)
        .at(-1)?.online;
    for (const device of [alice, carol]) await eventually(() => expect(last(device, b)).to.equal(false));
    for (const userId of [a, c]) await eventually(() => expect(last(bob, userId)).to.equal(false));
    for (const [device, userId] of [
      [alice, c],
      [carol, a],
      [bob, b],
    ] as const) {
      expect(last(device, userId), 'still a contact').not.to.equal(false);
      const again = okOf<{ presence: object[] }>(await device.call('watch_presence', { userIds: [userId] }));
      expect(again.presence).to.deep.equal([{ userId, online: true }]);
    }
  });

  it('members of a group of up to 100 are contacts', async () => {
    const [a, b] = newUsers('alice', 'bob') as [string, string];
    const [alice, bob] = [await devices.connect(a), await devices.connect(b)];
    const watch = () => alice.call('watch_presence', { userIds: [b] });
    expect(okOf<object>(await watch())).to.deep.include({ presence: [{ userId: b, online: false }] });
    await createGroup(bob, [a]);
    await eventually(() => expect(alice.of('presence')).to.deep.equal([{ userId: b, online: true }]));
  });
});
