/*
 * Longer than 250 lines on purpose: the behaviours of groups, in the order in which a group lives.
 */
import type { Group, HistoryPage, MembersPage, Message, UnreadCount } from '@chat-cluster/contracts';
import { api, eventually, newUser, openConversation, startTestCluster, type TestCluster } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { change, codeOf, createGroup, type Device, devicesOf, newUsers, okOf, send, syncOne } from './group-devices.ts';

describe('groups on a cluster of two gateways', () => {
  let cluster: TestCluster;
  const devices = devicesOf(() => cluster);

  before(async () => {
    cluster = await startTestCluster({ env: { MAX_GROUP_MEMBERS: '45', MAX_USERS_PER_ADD: '42' } });
  });
  after(() => cluster.stop());
  afterEach(() => devices.closeAll());

  /** A group of five users, each with two devices on two gateways. */
  async function fiveUsers() {
    const users = newUsers('owner', 'anna', 'ben', 'cleo', 'dan') as [string, string, string, string, string];
    const pairs = await devices.pairs(users);
    const [owner, anna, ben, cleo, dan] = pairs.map(([first]) => first) as [Device, Device, Device, Device, Device];
    const group = await createGroup(owner, users.slice(1));
    return { users, all: pairs.flat(), owner, anna, ben, cleo, dan, id: group.id as string, group };
  }

  it('reach every device of every member, on both gateways, in one sequence', async () => {
    const { users, all, owner, anna, id, group } = await fiveUsers();
    expect(group).to.deep.include({ kind: 'group', title: 'Lunch', role: 'owner', memberCount: 5, lastSeq: 1 });
    const sent = await send(anna, id, 'noon?');
    expect(sent).to.include({ seq: 2, senderId: anna.userId });
    expect(sent).not.to.have.property('receiverId');
    await send(owner, id, 'yes');
    for (const device of all) {
      await eventually(() => expect(device.seqs(id), device.userId).to.deep.equal([1, 2, 3]));
      const [created, text] = device.of<Message>('new_message');
      expect(created?.system).to.deep.equal({ type: 'created', title: 'Lunch', userIds: users.slice(1) });
      expect(text).to.deep.equal(sent);
      // The owner has one unread message, anna one, the others two: own messages and system entries do not count.
      const unread = device.userId === owner.userId || device.userId === anna.userId ? 1 : 2;
      await eventually(() => expect(device.of<UnreadCount>('unread_count').at(-1)?.count).to.equal(unread));
    }
    const changed = all.filter(({ userId }) => userId !== owner.userId);
    for (const device of changed) {
      await eventually(() => expect(device.of('conversation_changed')).to.have.length(1));
      expect(device.of('conversation_changed')[0]).to.deep.include({ conversationId: id });
    }
  });

  it('are created once per changeId, whichever gateway gets the repetition', async () => {
    const [a, b] = newUsers('owner', 'anna') as [string, string];
    const first = await devices.connect(a);
    const second = await devices.connectElsewhere(a, first.gatewayId);
    const payload = { title: 'Once', userIds: [b], changeId: 'c-1' };
    const acks = await Promise.all([first, second, first].map((device) => device.call('create_group', payload)));
    const ids = acks.map((ack) => okOf<{ group: Group }>(ack).group.id);
    expect(new Set(ids).size).to.equal(1);
    const page = await api<HistoryPage>(cluster, b, 'GET', `/api/messages/in/${ids[0]}`);
    expect(page.body.messages).to.have.length(1);
  });

  it('are changed by owners and admins only, as entries of the sequence', async () => {
    const { owner, anna, ben, cleo, dan, all, id } = await fiveUsers();
    expect(codeOf(await anna.call('change_group', rename(id, 'Mine')))).to.equal('FORBIDDEN');
    expect(
      codeOf(await anna.call('change_group', to(id, { type: 'role', userId: ben.userId, role: 'admin' }))),
    ).to.equal('FORBIDDEN');
    await change(owner, id, { type: 'role', userId: anna.userId, role: 'admin' });
    expect((await change(anna, id, { type: 'rename', title: 'Dinner' })).title).to.equal('Dinner');
    expect(codeOf(await anna.call('change_group', to(id, { type: 'remove', userId: owner.userId })))).to.equal(
      'FORBIDDEN',
    );
    await change(anna, id, { type: 'remove', userId: dan.userId });
    expect(codeOf(await owner.call('change_group', to(id, { type: 'remove', userId: dan.userId })))).to.equal(
      'MEMBER_NOT_FOUND',
    );
    const late = await devices.connect(newUser('late'));
    await change(anna, id, { type: 'add', userIds: [late.userId] });
    await change(cleo, id, { type: 'leave' });
    expect((await change(owner, id, { type: 'leave' })).role).to.equal(null);
    const entries = await syncOne(anna, id);
    expect(entries.one.messages.map(({ system }) => system?.type)).to.deep.equal([
      ...['created', 'role', 'renamed', 'removed', 'added', 'left', 'left'],
    ]);
    expect(entries.one.messages.at(-1)?.system).to.deep.equal({ type: 'left', newOwnerId: anna.userId });
    expect(entries.one.group).to.deep.include({ title: 'Dinner', role: 'owner', memberCount: 3 });
    const staying = all.filter(({ userId }) => userId === anna.userId || userId === ben.userId);
    for (const device of staying) await eventually(() => expect(device.seqs(id)).to.deep.equal([1, 2, 3, 4, 5, 6, 7]));
    await eventually(() => expect(late.seqs(id)).to.deep.equal([5, 6, 7]));
    const members = await api<MembersPage>(cluster, ben.userId, 'GET', `/api/groups/${id}/members?limit=2`);
    expect(members.body.members).to.have.length(2);
    const rest = await api<MembersPage>(
      cluster,
      ben.userId,
      'GET',
      `/api/groups/${id}/members?limit=2&cursor=${members.body.nextCursor}`,
    );
    const roles = [...members.body.members, ...rest.body.members].map(({ userId, role }) => [userId, role]);
    expect(Object.fromEntries(roles)).to.deep.equal({
      [anna.userId]: 'owner',
      [ben.userId]: 'member',
      [late.userId]: 'member',
    });
  });

  it('show each user the entries of the own windows, in sync and history', async () => {
    const { owner, anna, id } = await fiveUsers();
    for (let n = 0; n < 3; n++) await send(owner, id, `before ${n}`);
    const [none, all] = [await devices.connect(newUser('none')), await devices.connect(newUser('all'))];
    await change(owner, id, { type: 'add', userIds: [none.userId], history: 'none' });
    await change(owner, id, { type: 'add', userIds: [all.userId], history: 'all' });
    await change(owner, id, { type: 'remove', userId: anna.userId });
    await send(owner, id, 'hidden from anna');
    const rejoined = await change(owner, id, { type: 'add', userIds: [anna.userId] });
    expect(rejoined.lastSeq).to.equal(9);
    await send(owner, id, 'seen again');
    expect(await seqsOf(none, id)).to.deep.equal([5, 6, 7, 8, 9, 10]);
    expect(await seqsOf(all, id)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    // Anna was removed by entry 7, and added again by entry 9.
    expect(await seqsOf(anna, id)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 9, 10]);
    const { one } = await syncOne(anna, id, 5);
    expect(one.messages.map(({ seq }) => seq)).to.deep.equal([6, 7, 9, 10]);
    expect(one.group?.windows).to.deep.equal([
      { fromSeq: 1, toSeq: 7 },
      { fromSeq: 9, toSeq: null },
    ]);
    const limited = okOf<{ conversations: { messages: Message[]; hasMore: boolean }[] }>(
      await anna.call('sync', { conversations: [{ id, afterSeq: 6 }], limit: 2 }),
    ).conversations[0];
    expect(limited?.messages.map(({ seq }) => seq)).to.deep.equal([7, 9]);
    expect(limited?.hasMore).to.equal(true);
  });

  it('deliver nothing to a removed member after the entry of the removal, on either gateway', async () => {
    const { owner, anna, ben, all, id } = await fiveUsers();
    const ofAnna = all.filter(({ userId }) => userId === anna.userId);
    const streams = [owner, ben].map(async (sender) => {
      for (let n = 0; n < 60; n++) await send(sender, id, `${n}`);
    });
    await eventually(() => expect(anna.seqs(id).length).to.be.above(20));
    const refused = Array.from({ length: 20 }, () =>
      anna.call('send_message', { conversationId: id, content: 'mine' }),
    );
    await change(owner, id, { type: 'remove', userId: anna.userId });
    await Promise.all([...streams, ...refused]);
    expect(codeOf(await anna.call('send_message', { conversationId: id, content: 'late' }))).to.equal('FORBIDDEN');
    const { one } = await syncOne(owner, id);
    const removal = one.messages.find(({ system }) => system?.type === 'removed')?.seq ?? 0;
    expect(one.messages.filter(({ senderId, seq }) => senderId === anna.userId && seq > removal)).to.deep.equal([]);
    for (const device of ofAnna) {
      await eventually(() => expect(device.seqs(id).at(-1)).to.equal(removal));
      expect(device.seqs(id)).to.deep.equal(Array.from({ length: removal }, (_, i) => i + 1));
    }
    expect((await syncOne(anna, id, removal)).one.messages).to.deep.equal([]);
    expect((await api(cluster, anna.userId, 'GET', `/api/groups/${id}/members`)).status).to.equal(404);
  });

  it('keep their caps, and reject what exceeds them', async () => {
    const { owner, id } = await fiveUsers();
    const many = Array.from({ length: 43 }, (_, i) => newUser(`m${i}`));
    const add = (userIds: string[]) => owner.call('change_group', to(id, { type: 'add', userIds }));
    expect(codeOf(await add(many))).to.equal('LIMIT_EXCEEDED');
    expect(codeOf(await add(many.slice(0, 41)))).to.equal('LIMIT_EXCEEDED');
    const acks = await Promise.all([add(many.slice(0, 21)), add(many.slice(21, 42))]);
    expect(acks.map(codeOf).sort()).to.deep.equal(['LIMIT_EXCEEDED', 'ok']);
  });

  it('signal typing and receipts to the other members, and nothing to others', async () => {
    const { owner, anna, all, id } = await fiveUsers();
    await send(owner, id, 'hello');
    await eventually(() => expect(anna.seqs(id)).to.have.length(2));
    okOf(await anna.call('read_messages', { conversationId: id }));
    okOf(await anna.call('typing', { conversationId: id, typing: true }));
    const stranger = await devices.connect(newUser('stranger'));
    okOf(await stranger.call('typing', { conversationId: id, typing: true }));
    for (const device of all) {
      await eventually(() => expect(device.of('messages_read')).to.have.length(1));
      expect(device.of('messages_read')[0]).to.include({ userId: anna.userId, upToSeq: 2 });
      if (device.userId === anna.userId) continue;
      await eventually(() => expect(device.of('typing')).to.have.length(1));
    }
    const read = await api<object>(cluster, owner.userId, 'GET', `/api/messages/in/${id}/2/readers`);
    expect(read.body).to.deep.equal({ userIds: [anna.userId], count: 1, of: 4 });
  });

  it('do not exist for strangers, in any event and route', async () => {
    const { id } = await fiveUsers();
    const eve = await devices.connect(newUser('eve'));
    const events = {
      send_message: { conversationId: id, content: 'x' },
      read_messages: { conversationId: id },
      change_group: to(id, { type: 'leave' }),
      edit_message: { conversationId: id, seq: 1, content: 'x' },
      delete_message: { conversationId: id, seq: 1 },
      set_reaction: { conversationId: id, seq: 1, emoji: '👍', on: true },
      set_conversation: { conversationId: id, settings: { muted: true } },
    };
    for (const [event, payload] of Object.entries(events)) {
      expect(codeOf(await eve.call(event, payload)), event).to.equal('CONVERSATION_NOT_FOUND');
    }
    for (const path of [`groups/${id}`, `groups/${id}/members`, `messages/in/${id}`, `messages/in/${id}/1/readers`]) {
      const { status, body } = await api<{ error: { code: string } }>(cluster, eve.userId, 'GET', `/api/${path}`);
      expect([status, body.error.code], path).to.deep.equal([404, 'CONVERSATION_NOT_FOUND']);
    }
    const { ack } = await syncOne(eve, id);
    expect(ack.notFound).to.deep.equal([id]);
  });

  it('change nothing for a client of the base protocol that is in none', async () => {
    const [a, b] = newUsers('alice', 'bob') as [string, string];
    const id = await openConversation(cluster, a, b);
    const [alice, bob, modern] = [await devices.connect(a, 1), await devices.connect(b, 1), await devices.connect(b)];
    await send(alice, id, 'one');
    okOf(await bob.call('read_messages', { conversationId: id }));
    okOf(await modern.call('set_reaction', { conversationId: id, seq: 1, emoji: '👍', on: true }));
    okOf(await modern.call('mark_delivered', { conversations: [{ id, upToSeq: 1 }] }));
    okOf(await modern.call('set_conversation', { conversationId: id, settings: { archived: true } }));
    const last = await send(alice, id, 'two');
    await eventually(() => expect(bob.of<Message>('new_message').at(-1)).to.deep.equal(last));
    await eventually(() => expect(bob.of<UnreadCount>('unread_count').at(-1)?.count).to.equal(1));
    const named = (device: Device) => [...new Set(device.events.map(([event]) => event))].sort();
    expect(named(alice)).to.deep.equal(['messages_read', 'new_message', 'session', 'unread_count']);
    expect(named(bob)).to.deep.equal(['messages_read', 'new_message', 'session', 'unread_count']);
    const base = ['attachments', 'clientMessageId', 'content', 'conversationId', 'createdAt', 'id', 'isRead'];
    for (const message of bob.of<Message>('new_message')) {
      expect(Object.keys(message).sort()).to.deep.equal([...base, 'receiverId', 'senderId', 'seq']);
    }
    for (const badge of bob.of<UnreadCount>('unread_count')) {
      expect(Object.keys(badge)).to.satisfy((keys: string[]) =>
        keys.every((key) => /^(count|conversations)$/.test(key)),
      );
    }
  });

  async function seqsOf(device: Device, id: string): Promise<number[]> {
    const seqs: number[] = [];
    let after: number | null = 0;
    while (after !== null) {
      const page: HistoryPage = (
        await api<HistoryPage>(cluster, device.userId, 'GET', `/api/messages/in/${id}?limit=4&after=${after}`)
      ).body;
      seqs.push(...page.messages.map(({ seq }) => seq));
      after = page.nextCursor;
    }
    const whole = await api<HistoryPage>(cluster, device.userId, 'GET', `/api/messages/in/${id}?limit=100`);
    expect(whole.body.messages.map(({ seq }) => seq).reverse()).to.deep.equal(seqs);
    return seqs;
  }
});

function to(conversationId: string, wanted: object): object {
  return { conversationId, change: wanted };
}

function rename(conversationId: string, title: string): object {
  return to(conversationId, { type: 'rename', title });
}
