import type { HistoryPage, Message, MessageChanged, UnreadCount } from '@chat-cluster/contracts';
import { api, eventually, openConversation, startTestCluster, type TestCluster } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { codeOf, createGroup, type Device, devicesOf, newUsers, okOf, send, syncOne } from './group-devices.ts';

describe('changes of messages', () => {
  let cluster: TestCluster;
  const devices = devicesOf(() => cluster);

  before(async () => {
    cluster = await startTestCluster({ env: { EDIT_WINDOW_MS: '900000', DELETE_WINDOW_MS: '900000' } });
  });
  after(() => cluster.stop());
  afterEach(() => devices.closeAll());

  const kinds = ['direct', 'group'] as const;

  /** alice, bob on another gateway, and their conversation or group; alice owns the group. */
  async function pair(kind: (typeof kinds)[number]) {
    const [a, b] = newUsers('alice', 'bob') as [string, string];
    const alice = await devices.connect(a);
    const bob = await devices.connectElsewhere(b, alice.gatewayId);
    const id = kind === 'direct' ? await openConversation(cluster, a, b) : (await createGroup(alice, [b])).id;
    return { alice, bob, id: id as string };
  }
  const badge = (device: Device) => device.of<UnreadCount>('unread_count').at(-1)?.count;

  const revsOf = (device: Device) => [...new Set(device.of<MessageChanged>('message_changed').map(({ rev }) => rev))];

  for (const kind of kinds) {
    it(`${kind}: an edit reaches all devices, keeps the earlier text, and is one for one changeId`, async () => {
      const { alice, bob, id } = await pair(kind);
      const { seq } = await send(alice, id, 'nooon');
      const edit = { conversationId: id, seq, content: 'noon', changeId: 'e-1' };
      const acks = [await alice.call('edit_message', edit), await alice.call('edit_message', edit)];
      for (const ack of acks) {
        expect(okOf<{ message: Message }>(ack).message).to.deep.include({ seq, content: 'noon', rev: 1 });
      }
      for (const device of [alice, bob]) {
        // A repetition may emit the change again, with the same number.
        await eventually(() => expect(revsOf(device)).to.deep.equal([1]));
        expect(device.of<MessageChanged>('message_changed')[0]).to.deep.include({
          ...{ conversationId: id, seq, rev: 1, by: alice.userId },
          edited: { content: 'noon' },
        });
      }
      const versions = await api<{ versions: object[] }>(
        cluster,
        bob.userId,
        'GET',
        `/api/messages/in/${id}/${seq}/versions`,
      );
      expect(versions.body.versions).to.have.length(1);
      expect(versions.body.versions[0]).to.include({ content: 'nooon', editedBy: alice.userId });
      expect(codeOf(await bob.call('edit_message', { ...edit, changeId: 'e-2' }))).to.equal('FORBIDDEN');
    });

    it(`${kind}: a deletion lowers the badge of those who have not read the message, once`, async () => {
      const { alice, bob, id } = await pair(kind);
      const first = await send(alice, id, 'one');
      await send(alice, id, 'two');
      await eventually(() => expect(badge(bob)).to.equal(2));
      for (let again = 0; again < 2; again++) {
        const ack = await alice.call('delete_message', { conversationId: id, seq: first.seq });
        expect(okOf<{ message: Message }>(ack).message).to.deep.include({ content: null, deletedBy: alice.userId });
      }
      await eventually(() => expect(badge(bob)).to.equal(1));
      const page = await api<HistoryPage>(cluster, bob.userId, 'GET', `/api/messages/in/${id}?limit=2`);
      expect(page.body.messages.map(({ content }) => content)).to.deep.equal(['two', null]);
      expect(
        codeOf(await bob.call('send_message', { conversationId: id, content: 'x', replyToSeq: first.seq })),
      ).to.equal('MESSAGE_NOT_FOUND');
      expect(revsOf(bob)).to.deep.equal([1]);
    });

    it(`${kind}: reactions are set and cleared, and show the own one`, async () => {
      const { alice, bob, id } = await pair(kind);
      const { seq } = await send(alice, id, 'hi');
      const react = (device: Device, emoji: string, on = true) =>
        device.call('set_reaction', { conversationId: id, seq, emoji, on });
      okOf(await react(bob, '👍'));
      okOf(await react(bob, '👍'));
      const ack = okOf<{ message: Message }>(await react(alice, '👍'));
      expect(ack.message.reactions).to.deep.equal([{ emoji: '👍', count: 2, mine: true }]);
      okOf(await react(bob, ':party:'));
      okOf(await react(bob, '👍', false));
      await eventually(() => {
        expect(revsOf(alice)).to.deep.equal([1, 2, 3, 4]);
        expect(alice.of<MessageChanged>('message_changed').at(-1)?.reactions).to.deep.equal([
          { emoji: '👍', count: 1 },
          { emoji: ':party:', count: 1 },
        ]);
      });
      const { one } = await syncOne(bob, id, seq, 0);
      expect(one).to.include({ lastRev: 4 });
      expect(one.changed?.[0]?.reactions).to.deep.equal([
        { emoji: '👍', count: 1 },
        { emoji: ':party:', count: 1, mine: true },
      ]);
      const path = `/api/messages/in/${id}/${seq}/reactions?emoji=${encodeURIComponent('👍')}`;
      expect((await api<object>(cluster, bob.userId, 'GET', path)).body).to.deep.equal({ userIds: [alice.userId] });
      for (let n = 0; n < 18; n++) okOf(await react(bob, `e${n}`));
      expect(codeOf(await react(alice, 'one-too-many'))).to.equal('LIMIT_EXCEEDED');
    });

    it(`${kind}: replies quote a message, mentions name participants only`, async () => {
      const { alice, bob, id } = await pair(kind);
      const { seq } = await send(alice, id, 'x'.repeat(150));
      const reply = await send(bob, id, 'sure', { replyToSeq: seq, mentions: [alice.userId, 'nobody', alice.userId] });
      expect(reply).to.deep.include({
        replyTo: { seq, senderId: alice.userId, text: 'x'.repeat(100) },
        mentions: [alice.userId],
      });
      await eventually(() => expect(alice.of<Message>('new_message').at(-1)).to.deep.equal(reply));
      expect(codeOf(await bob.call('send_message', { conversationId: id, content: 'x', replyToSeq: 99 }))).to.equal(
        'MESSAGE_NOT_FOUND',
      );
      const { one } = await syncOne(alice, id, seq);
      expect(one.messages).to.deep.equal([reply]);
    });

    it(`${kind}: a device that was away gets every change by afterRev, and only those`, async () => {
      const { alice, bob, id } = await pair(kind);
      const [first, second] = [await send(alice, id, 'one'), await send(alice, id, 'two')];
      bob.close();
      okOf(await alice.call('edit_message', { conversationId: id, seq: first.seq, content: 'ONE' }));
      okOf(await alice.call('set_reaction', { conversationId: id, seq: second.seq, emoji: '🎉', on: true }));
      const third = await send(alice, id, 'three');
      okOf(await alice.call('delete_message', { conversationId: id, seq: third.seq }));
      const back = await devices.connect(bob.userId);
      const { one } = await syncOne(back, id, second.seq, 0);
      expect(one.changed?.map(({ seq, rev }) => [seq, rev])).to.deep.equal([
        [first.seq, 1],
        [second.seq, 2],
      ]);
      expect(one.messages[0]).to.deep.include({ seq: third.seq, content: null, rev: 3 });
      expect(one.lastRev).to.equal(3);
      expect((await syncOne(back, id, third.seq, 3)).one).to.deep.include({ changed: [], lastRev: 3 });
      expect((await syncOne(back, id, third.seq)).one).not.to.have.any.keys('changed', 'lastRev');
    });
  }

  it('delivered marks reach the other participants, and only move forward', async () => {
    const { alice, bob, id } = await pair('group');
    for (const text of ['one', 'two']) await send(alice, id, text);
    for (const upToSeq of [2, 3, 1]) okOf(await bob.call('mark_delivered', { conversations: [{ id, upToSeq }] }));
    const newest = { marks: [{ conversationId: id, userId: bob.userId, upToSeq: 3 }] };
    await eventually(() => expect(alice.of('messages_delivered').at(-1)).to.deep.equal(newest));
    expect((await syncOne(alice, id)).one.deliveredMarks).to.deep.equal([{ userId: bob.userId, upToSeq: 3 }]);
  });
});

describe('changes of messages after their time', () => {
  it('are rejected for senders, not for owners', async () => {
    await using cluster = await startTestCluster({ env: { EDIT_WINDOW_MS: '1', DELETE_WINDOW_MS: '1' } });
    const devices = devicesOf(() => cluster);
    const [a, b] = newUsers('owner', 'member') as [string, string];
    const [owner, member] = [await devices.connect(a), await devices.connect(b)];
    const id = (await createGroup(owner, [b])).id as string;
    const { seq } = await send(member, id, 'late');
    await eventually(async () =>
      expect(codeOf(await member.call('edit_message', { conversationId: id, seq, content: 'x' }))).to.equal('TOO_LATE'),
    );
    expect(codeOf(await member.call('delete_message', { conversationId: id, seq }))).to.equal('TOO_LATE');
    expect(codeOf(await owner.call('delete_message', { conversationId: id, seq }))).to.equal('ok');
    devices.closeAll();
  });
});
