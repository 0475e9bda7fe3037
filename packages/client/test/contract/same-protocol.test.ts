import type { Conversation } from '@chat-cluster/contracts';
import { eventually, startTestCluster, tokenFor } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { io } from 'socket.io-client';
import type { ChatSocket, OpenSocket } from '../../src/index.ts';
import { createFakeCluster } from '../../src/testing/index.ts';

describe('the fake cluster and a real one', () => {
  it('answer the same requests with the same acks and events', async () => {
    const fake = createFakeCluster();
    const onFake = await play({ url: fake.url, open: fake.socket, fetch: fake.fetch, token: fake.tokenFor });
    await using cluster = await startTestCluster();
    const onReal = await play({ url: cluster.url, open: openReal, fetch, token: (user) => tokenFor(cluster, user) });
    expect(JSON.stringify(onFake, null, 1)).to.equal(JSON.stringify(onReal, null, 1));
  });
});

interface Side {
  url: string;
  open: OpenSocket;
  fetch: typeof fetch;
  token(userId: string): string;
}

const openReal: OpenSocket = (url, { auth }) =>
  io(url, { auth, forceNew: true, autoConnect: false, reconnection: false });

const LOGGED = ['new_message', 'unread_count', 'messages_read', 'typing', 'presence', 'exception'];

/** Plays one story with two users, and returns everything that they received. */
async function play(side: Side): Promise<unknown> {
  const sockets: ChatSocket[] = [];
  try {
    const alice = await connect(side, 'alice', sockets);
    const id = await open(side, 'alice', 'bob');
    const bob = await connect(side, 'bob', sockets);
    const acks: unknown[] = [];
    for (const [who, event, payload] of story(side, id)) {
      acks.push([event, await call(who === 'alice' ? alice.socket : bob.socket, event, payload)]);
    }
    bob.socket.emit('send_message', { conversationId: id, content: '' });
    await eventually(() => {
      expect([alice.of('new_message').length, bob.of('new_message').length]).to.deep.equal([4, 4]);
      expect(bob.of('unread_count').at(-1)).to.include({ count: 1 });
      expect(alice.of('unread_count').at(-1)).to.include({ count: 1 });
      expect(alice.of('messages_read')).to.have.length(1);
      expect([bob.of('typing').length, bob.of('exception').length]).to.deep.equal([1, 1]);
    });
    const list = await get(side, 'bob', '/api/messages/conversations?limit=10');
    const events = [alice, bob].map((device) => LOGGED.map((event) => [event, settled(event, device.of(event))]));
    return normalised({ sessions: [alice, bob].map(({ of }) => of('session')), acks, list, events });
  } finally {
    for (const socket of sockets) socket.disconnect();
  }
}

function story(side: Side, conversationId: string): ['alice' | 'bob', string, unknown][] {
  const unknown = '01926b3a-7c11-7d3e-9f52-0a4c1f6f2b10';
  const attachments = [{ url: 'HTTPS://Files.example.com/a b'.replace(' ', '%20'), type: 'PDF' }];
  return [
    ['alice', 'send_message', { conversationId, content: '1', clientMessageId: 'one' }],
    ['alice', 'send_message', { conversationId, content: 'another text', clientMessageId: 'one' }],
    [
      'alice',
      'send_message',
      { conversationId: conversationId.toUpperCase(), content: null, attachments, clientMessageId: 'two' },
    ],
    ['bob', 'send_message', { conversationId, content: '3', clientMessageId: 'one' }],
    ['bob', 'read_messages', { conversationId, upToSeq: 2 }],
    ['bob', 'read_messages', { conversationId, upToSeq: 1 }],
    ['alice', 'send_message', { conversationId, content: '4', clientMessageId: 'four' }],
    ['bob', 'read_messages', { conversationId: unknown }],
    [
      'bob',
      'sync',
      {
        conversations: [
          { id: conversationId, afterSeq: 1 },
          { id: unknown, afterSeq: 0 },
        ],
        limit: 2,
      },
    ],
    ['bob', 'sync', { conversations: [{ id: conversationId, afterSeq: 0 }], since: 'now' }],
    ['bob', 'sync', { conversations: [{ id: conversationId, afterSeq: 9 }] }],
    ['bob', 'sync', { conversations: [], since: 'yesterday' }],
    ['bob', 'sync', { conversations: [{ id: 'x', afterSeq: 0 }] }],
    ['alice', 'send_message', { conversationId: unknown, content: 'x' }],
    ['alice', 'send_message', { conversationId, content: ' \u200b' }],
    [
      'alice',
      'send_message',
      { conversationId, content: 'x', attachments: [{ url: 'http://a.example', type: 'PDF' }] },
    ],
    ['alice', 'send_message', { conversationId, content: 'x', clientMessageId: '' }],
    ['alice', 'watch_presence', { userIds: ['bob', 'carol', 'alice'] }],
    ['alice', 'watch_presence', { userIds: [] }],
    ['alice', 'unwatch_presence', { userIds: ['bob'] }],
    ['alice', 'typing', { conversationId, typing: true }],
    ['alice', 'typing', { conversationId: unknown, typing: true }],
    ['alice', 'refresh_token', { token: side.token('alice') }],
    ['alice', 'refresh_token', { token: side.token('bob') }],
    ['alice', 'refresh_token', { token: 'x' }],
    ['alice', 'no_such_event', {}],
  ];
}

/** Only the last badge is certain: real gateways may skip others. The order of acks and events is not compared. */
function settled(event: string, payloads: unknown[]): unknown {
  return event === 'unread_count' ? payloads.at(-1) : payloads;
}

async function connect(side: Side, userId: string, sockets: ChatSocket[]) {
  const socket = side.open(side.url, { auth: (send) => send({ token: side.token(userId) }) });
  sockets.push(socket);
  const received = new Map<string, unknown[]>(['session', ...LOGGED].map((event) => [event, []]));
  const of = (event: string) => received.get(event) ?? [];
  for (const event of received.keys()) socket.on(event, (payload: unknown) => of(event).push(payload));
  socket.connect();
  await eventually(() => expect(of('unread_count')).to.have.length(1));
  return { socket, of };
}

function call(socket: ChatSocket, event: string, payload: unknown): Promise<unknown> {
  return new Promise((resolve) => socket.emit(event, payload, resolve));
}

async function open(side: Side, a: string, participantId: string): Promise<string> {
  const response = await side.fetch(`${side.url}/api/conversations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${side.token(a)}`, 'content-type': 'application/json' },
    body: JSON.stringify({ participantId }),
  });
  return ((await response.json()) as Conversation).id;
}

async function get(side: Side, userId: string, path: string): Promise<unknown> {
  const response = await side.fetch(side.url + path, { headers: { authorization: `Bearer ${side.token(userId)}` } });
  return [response.status, await response.json()];
}

/** Replaces ids by the order of their appearance, and what differs from run to run by its kind. */
function normalised(value: unknown): unknown {
  const ids: string[] = [];
  const idOf = (id: string) => `id ${ids.includes(id) ? ids.indexOf(id) : ids.push(id) - 1}`;
  const text = JSON.stringify(value, (key, one: unknown) => {
    if (['connectionId', 'gatewayId', 'since', 'expiresInMs'].includes(key)) return `a ${typeof one}`;
    // Sentences may differ; the code and the field do not.
    if (key === 'message' && typeof one === 'string')
      return one.split(/[:.]/, 1)[0]?.includes(' ') ? 'a sentence' : one.split(':')[0];
    if (key === 'readMarks') return (one as { userId: string }[]).toSorted((a, b) => (a.userId < b.userId ? -1 : 1));
    if (typeof one !== 'object' || one === null || Array.isArray(one)) return one;
    return Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
  return JSON.parse(
    text.replace(/[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/g, idOf).replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'a time'),
  );
}
