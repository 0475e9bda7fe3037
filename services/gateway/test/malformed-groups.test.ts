import { type ClientEvent, clientEvents, LIMITS } from '@chat-cluster/contracts';
import { api, startTestCluster, type TestCluster } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { codeOf, createGroup, type Device, devicesOf, newUsers, send, syncOne } from './group-devices.ts';

const ID = '01926b3a-7c11-7d3e-9f52-0a4c1f6f2b10';
const long = (length: number) => 'x'.repeat(length + 1);

/** A valid payload of each event, and the wrong values of its fields. */
const EVENTS: Partial<Record<ClientEvent, { valid: object; wrong: Record<string, unknown[]> }>> = {
  create_group: {
    valid: { title: 'Lunch', userIds: ['bob'] },
    wrong: {
      title: ['', ' ', null, 5, '\u200b', 'two\nlines', '\ud800', long(LIMITS.titleLength)],
      userIds: [null, 'bob', [''], ['a\u0000'], [5], Array(1_001).fill('bob'), [long(LIMITS.userIdLength)]],
      changeId: ['', 'a b', 'é', long(LIMITS.changeIdLength), 5],
    },
  },
  change_group: {
    valid: { conversationId: ID, change: { type: 'leave' } },
    wrong: {
      conversationId: ['', 'x', null, 5, `${ID}0`],
      change: [
        ...[null, {}, [], 'leave', { type: 'create', title: 'x', userIds: [] }, { type: '__proto__' }],
        ...[{ type: 'add', userIds: [] }, { type: 'add', userIds: ['a'], history: 'some' }, { type: 'add' }],
        ...[{ type: 'add', userIds: ['a'], history: { since: 'yesterday' } }, { type: 'remove' }],
        ...[
          { type: 'rename', title: '' },
          { type: 'role', userId: 'a', role: 'god' },
          { type: 'role', role: 'admin' },
        ],
      ],
      changeId: ['', 'a\tb'],
    },
  },
  edit_message: {
    valid: { conversationId: ID, seq: 1, content: 'x' },
    wrong: {
      seq: [0, -1, 1.5, '1', null, 2 ** 53],
      content: [null, '', ' ', 5, 'a\u0000', '\udc00', long(LIMITS.contentLength)],
      mentions: ['bob', [''], Array(LIMITS.mentions + 1).fill('bob')],
      changeId: [''],
    },
  },
  delete_message: {
    valid: { conversationId: ID, seq: 1 },
    wrong: { seq: [0, '1', null], conversationId: ['x', null] },
  },
  set_reaction: {
    valid: { conversationId: ID, seq: 1, emoji: '👍', on: true },
    wrong: {
      emoji: ['', ' ', 'a b', 5, '\u200b', '\ud800', long(LIMITS.emojiLength)],
      on: [null, 'true', 1],
      seq: [0],
    },
  },
  mark_delivered: {
    valid: { conversations: [{ id: ID, upToSeq: 1 }] },
    wrong: {
      conversations: [
        ...[null, [], {}, [null], [{ id: ID }], [{ id: 'x', upToSeq: 1 }], [{ id: ID, upToSeq: 0 }]],
        Array(LIMITS.deliveredConversations + 1).fill({ id: ID, upToSeq: 1 }),
      ],
    },
  },
  set_conversation: {
    valid: { conversationId: ID, settings: { muted: true } },
    wrong: { settings: [null, {}, { loud: true }, { muted: 'yes' }, []], conversationId: [null] },
  },
  set_block: { valid: { userId: 'bob', blocked: true }, wrong: { userId: ['', null, 'a\n'], blocked: [null, 'true'] } },
  send_message: {
    valid: { conversationId: ID, content: 'x' },
    wrong: {
      replyToSeq: [0, '1', 1.5],
      mentions: ['bob', Array(LIMITS.mentions + 1).fill('bob')],
      mentionsAll: ['yes'],
    },
  },
  sync: { valid: { conversations: [] }, wrong: { conversations: [[{ id: ID, afterSeq: 0, afterRev: -1 }]] } },
};

const ROUTES: [method: string, path: string, body?: unknown][] = [
  ['POST', 'groups', []],
  ['POST', 'groups', { title: 'x' }],
  ['POST', 'groups', { title: '', userIds: [] }],
  ['GET', 'groups/x'],
  ['GET', `groups/${ID}/members?limit=0`],
  ['GET', `groups/${ID}/members?cursor=${'x'.repeat(201)}`],
  ['POST', `groups/${ID}/members`, { userIds: [] }],
  ['PUT', `groups/${ID}/members/bob/role`, { role: 'god' }],
  ['PATCH', `groups/${ID}`, { title: '\u200b' }],
  ['GET', 'messages/in/x'],
  ['GET', `messages/in/${ID}?before=1&after=1`],
  ['GET', `messages/in/${ID}?limit=101`],
  ['PATCH', `messages/in/${ID}/0`, { content: 'x' }],
  ['PATCH', `messages/in/${ID}/1`, { content: ' ' }],
  ['DELETE', `messages/in/${ID}/1.5`],
  ['DELETE', `messages/in/${ID}/99999999999999999`],
  ['GET', `messages/in/${ID}/1/reactions`],
  ['GET', `messages/in/${ID}/1/readers?limit=x`],
  ['PUT', `messages/in/${ID}/1/reactions/a%20b`],
  ['PATCH', `conversations/${ID}/settings`, {}],
  ['PUT', `blocks/${encodeURIComponent('a\nb')}`],
];

describe('malformed input about groups, changes and settings', () => {
  let cluster: TestCluster;
  let alice: Device;
  let id: string;
  const devices = devicesOf(() => cluster);

  before(async () => {
    cluster = await startTestCluster();
    const [a, b] = newUsers('alice', 'bob') as [string, string];
    alice = await devices.connect(a);
    id = (await createGroup(alice, [b])).id;
    await send(alice, id, 'hello');
  });
  after(async () => {
    devices.closeAll();
    await cluster.stop();
  });

  for (const [event, { valid, wrong }] of Object.entries(EVENTS)) {
    it(`${event}: VALIDATION_FAILED, and nothing changes`, async () => {
      expect(clientEvents[event as ClientEvent].safeParse(valid).success, 'valid').to.equal(true);
      const before = await syncOne(alice, id, 0, 0);
      const real = JSON.parse(JSON.stringify(valid).replaceAll(ID, id));
      for (const payload of [undefined, null, 5, 'x', []]) {
        expect(codeOf(await alice.call(event, payload as never)), JSON.stringify(payload)).to.equal(
          'VALIDATION_FAILED',
        );
      }
      for (const [field, values] of Object.entries(wrong)) {
        for (const value of values) {
          const ack = await alice.call(event, { ...real, [field]: value });
          expect(codeOf(ack), `${field}: ${JSON.stringify(value)?.slice(0, 80)}`).to.equal('VALIDATION_FAILED');
        }
      }
      expect((await syncOne(alice, id, 0, 0)).one).to.deep.equal(before.one);
    });
  }

  it('routes: VALIDATION_FAILED', async () => {
    for (const [method, path, body] of ROUTES) {
      const answer = await api<{ error: { code: string } }>(cluster, alice.userId, method, `/api/${path}`, body);
      expect([answer.status, answer.body.error?.code], `${method} ${path}`).to.deep.equal([400, 'VALIDATION_FAILED']);
    }
  });
});
