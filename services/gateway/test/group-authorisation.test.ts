import type { Message } from '@chat-cluster/contracts';
import { api, eventually, newUser, openConversation, startTestCluster, type TestCluster } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { change, codeOf, createGroup, type Device, devicesOf, send } from './group-devices.ts';

/*
 * What each role of a group may do, by event; the routes use the same use cases, which the second table checks. Each cell
 * is the code of the ack. Every attempt uses the conversation of a new group, so a success changes nothing for others.
 */
const ROLES = ['owner', 'admin', 'member', 'former', 'stranger'] as const;
type Role = (typeof ROLES)[number];
type Row = Record<Role, string>;

const MEMBERS: Row = row('ok', 'ok', 'ok', 'FORBIDDEN');
const LEADERS: Row = row('ok', 'ok', 'FORBIDDEN', 'FORBIDDEN');
const OWNERS: Row = row('ok', 'FORBIDDEN', 'FORBIDDEN', 'FORBIDDEN');
/** Former members keep what they could see. */
const SEEN: Row = row('ok', 'ok', 'ok', 'ok');

function row(owner: string, admin: string, member: string, former: string): Row {
  return { owner, admin, member, former, stranger: 'CONVERSATION_NOT_FOUND' };
}

interface Stage {
  id: string;
  /** A message of another member. */
  text: Message;
  other: string;
  chief: string;
}

const EVENTS: [name: string, event: string, payload: (stage: Stage) => object, row: Row][] = [
  ['send', 'send_message', ({ id }) => ({ conversationId: id, content: 'x' }), MEMBERS],
  ['read', 'read_messages', ({ id }) => ({ conversationId: id }), row('ok', 'ok', 'ok', 'FORBIDDEN')],
  ['react', 'set_reaction', ({ id, text }) => ({ conversationId: id, seq: text.seq, emoji: '👍', on: true }), MEMBERS],
  ['edit of others', 'edit_message', ({ id, text }) => ({ conversationId: id, seq: text.seq, content: 'x' }), LEADERS],
  ['delete of others', 'delete_message', ({ id, text }) => ({ conversationId: id, seq: text.seq }), LEADERS],
  ['mute', 'set_conversation', ({ id }) => ({ conversationId: id, settings: { muted: true } }), SEEN],
  ['rename', 'change_group', ({ id }) => wanted(id, { type: 'rename', title: 'New' }), LEADERS],
  ['add', 'change_group', ({ id }) => wanted(id, { type: 'add', userIds: [newUser('new')] }), LEADERS],
  ['remove a member', 'change_group', ({ id, other }) => wanted(id, { type: 'remove', userId: other }), LEADERS],
  ['remove an owner', 'change_group', ({ id, chief }) => wanted(id, { type: 'remove', userId: chief }), OWNERS],
  ['role', 'change_group', ({ id, other }) => wanted(id, { type: 'role', userId: other, role: 'admin' }), OWNERS],
  ['leave', 'change_group', ({ id }) => wanted(id, { type: 'leave' }), MEMBERS],
];

const ROUTES: [method: string, path: (stage: Stage) => string, body: object | undefined, row: Row][] = [
  ['GET', ({ id }) => `groups/${id}`, undefined, SEEN],
  ['GET', ({ id }) => `groups/${id}/members`, undefined, { ...SEEN, former: 'CONVERSATION_NOT_FOUND' }],
  ['GET', ({ id }) => `messages/in/${id}`, undefined, SEEN],
  ['GET', ({ id, text }) => `messages/in/${id}/${text.seq}/versions`, undefined, SEEN],
  ['GET', ({ id, text }) => `messages/in/${id}/${text.seq}/reactions?emoji=x`, undefined, SEEN],
  [
    'GET',
    ({ id, text }) => `messages/in/${id}/${text.seq}/readers`,
    undefined,
    { ...SEEN, former: 'CONVERSATION_NOT_FOUND' },
  ],
  ['PATCH', ({ id }) => `groups/${id}`, { title: 'New' }, LEADERS],
  ['POST', ({ id }) => `groups/${id}/members`, { userIds: ['someone'] }, LEADERS],
  ['DELETE', ({ id, other }) => `groups/${id}/members/${other}`, undefined, LEADERS],
  ['PUT', ({ id, other }) => `groups/${id}/members/${other}/role`, { role: 'admin' }, OWNERS],
  ['PATCH', ({ id, text }) => `messages/in/${id}/${text.seq}`, { content: 'x' }, LEADERS],
  ['DELETE', ({ id, text }) => `messages/in/${id}/${text.seq}`, undefined, LEADERS],
  ['PUT', ({ id, text }) => `messages/in/${id}/${text.seq}/reactions/x`, undefined, MEMBERS],
  ['DELETE', ({ id, text }) => `messages/in/${id}/${text.seq}/reactions/x`, undefined, MEMBERS],
  ['PATCH', ({ id }) => `conversations/${id}/settings`, { archived: true }, SEEN],
];

function wanted(conversationId: string, one: object): object {
  return { conversationId, change: one };
}

describe('what the roles of a group may do', () => {
  let cluster: TestCluster;
  let by: Record<Role | 'chief' | 'other', Device>;
  const devices = devicesOf(() => cluster);

  before(async () => {
    cluster = await startTestCluster({ env: { NEW_GROUPS_PER_MINUTE: '10000' } });
    const connected = [...ROLES, 'chief', 'other'].map(async (name) => [name, await devices.connect(newUser(name))]);
    by = Object.fromEntries(await Promise.all(connected));
  });
  after(async () => {
    devices.closeAll();
    await cluster.stop();
  });

  /** A new group with a user of each role, two owners, and a message of a member. */
  async function newStage(): Promise<Stage> {
    const { chief, owner, admin, member, former, other } = by;
    const members = [owner, admin, member, former, other].map(({ userId }) => userId);
    const id = (await createGroup(chief, members)).id as string;
    await change(chief, id, { type: 'role', userId: owner.userId, role: 'owner' });
    await change(chief, id, { type: 'role', userId: admin.userId, role: 'admin' });
    const text = await send(other, id, 'hello');
    await change(chief, id, { type: 'remove', userId: former.userId });
    return { id, text, other: other.userId, chief: chief.userId };
  }

  async function foreignAndMissing(): Promise<[Stage, Stage]> {
    const stage = await newStage();
    return [stage, { ...stage, id: crypto.randomUUID() }];
  }

  for (const [name, event, payload, cells] of EVENTS) {
    it(`${event}: ${name}`, async () => {
      for (const role of ROLES) {
        const ack = await by[role].call(event, payload(await newStage()));
        expect(codeOf(ack), role).to.equal(cells[role]);
      }
      const [foreign, missing] = await foreignAndMissing();
      const answer = await by.stranger.call(event, payload(foreign));
      expect(answer, 'as for a group that does not exist').to.deep.equal(
        await by.stranger.call(event, payload(missing)),
      );
    });
  }

  for (const [method, path, body, cells] of ROUTES) {
    it(`${method} ${path({ id: ':id', text: { seq: ':seq' } as never, other: ':userId', chief: '' })}`, async () => {
      for (const role of ROLES) {
        const url = `/api/${path(await newStage())}`;
        const answer = await api<{ error?: { code: string } }>(cluster, by[role].userId, method, url, body);
        expect(answer.body.error?.code ?? 'ok', role).to.equal(cells[role]);
      }
      const answers = [];
      for (const stage of await foreignAndMissing()) {
        const { status, body: text } = await api(cluster, by.stranger.userId, method, `/api/${path(stage)}`, body);
        answers.push({ status, text: JSON.stringify(text).replaceAll(stage.id, '<id>') });
      }
      expect(answers[0], 'as for a group that does not exist').to.deep.equal(answers[1]);
    });
  }

  it('a blocked user: the answers of a server on which users open no conversations', async () => {
    const { owner, member } = by;
    const id = await openConversation(cluster, owner.userId, member.userId);
    await send(member, id, 'before');
    await owner.call('set_block', { userId: member.userId, blocked: true });
    await eventually(async () => {
      expect(codeOf(await member.call('send_message', { conversationId: id, content: 'x' }))).to.equal('FORBIDDEN');
    });
    const edit = { conversationId: id, seq: 1, content: 'x' };
    expect(codeOf(await member.call('edit_message', edit))).to.equal('FORBIDDEN');
    expect(codeOf(await member.call('delete_message', { conversationId: id, seq: 1 }))).to.equal('ok');
    expect(codeOf(await member.call('read_messages', { conversationId: id }))).to.equal('ok');
    // It exists, so it is returned, as by such a server.
    expect(await openConversation(cluster, member.userId, owner.userId)).to.equal(id);
  });
});
