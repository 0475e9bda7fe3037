import type { ErrorPayload, FailureAck } from '@chat-cluster/contracts';
import {
  connect,
  eventually,
  newUser,
  openConversation,
  startTestCluster,
  type TestClient,
  type TestCluster,
  tokenFor,
} from '@chat-cluster/testkit';
import { expect } from 'chai';

describe('bad payloads', () => {
  let cluster: TestCluster;
  let client: TestClient;
  let bystander: TestClient;
  let conversationId: string;
  let foreign: string;
  let processes: string;

  before(async () => {
    cluster = await startTestCluster({ gatewayProcesses: 1 });
    const [alice, bob] = [newUser('alice'), newUser('bob')];
    conversationId = await openConversation(cluster, alice, bob);
    foreign = await openConversation(cluster, newUser('x'), newUser('y'));
    client = await connect(cluster, alice);
    bystander = await connect(cluster, bob);
    processes = JSON.stringify(cluster.processes);
  });
  after(async () => {
    client.close();
    bystander.close();
    await cluster.stop();
  });

  afterEach(async () => {
    // No connection and no process has suffered: the same sockets still chat.
    expect(client.socket.connected && bystander.socket.connected).to.equal(true);
    const before = bystander.messages.length;
    expect(await client.send({ conversationId, content: 'still here' })).to.include({ ok: true });
    await eventually(() => expect(bystander.messages.length).to.equal(before + 1));
    expect(JSON.stringify(cluster.processes)).to.equal(processes);
  });

  const BAD: [name: string, payload: () => unknown, code: ErrorPayload['code'], message: RegExp][] = [
    ['no payload', () => undefined, 'VALIDATION_FAILED', /expected object/i],
    ['null', () => null, 'VALIDATION_FAILED', /expected object/i],
    ['a string', () => 'hello', 'VALIDATION_FAILED', /expected object/i],
    ['a list', () => [1, 2], 'VALIDATION_FAILED', /expected object/i],
    ['a missing conversation', () => ({ content: 'hi' }), 'VALIDATION_FAILED', /^conversationId: /],
    ['an invalid conversation id', () => ({ conversationId: 'general', content: 'hi' }), 'VALIDATION_FAILED', /UUID/],
    [
      'a conversation that does not exist',
      () => ({ conversationId: crypto.randomUUID(), content: 'hi' }),
      'CONVERSATION_NOT_FOUND',
      /no such conversation/,
    ],
    [
      'a conversation of others',
      () => ({ conversationId: foreign, content: 'hi' }),
      'CONVERSATION_NOT_FOUND',
      /no such conversation/,
    ],
    ['an empty message', () => ({ conversationId }), 'VALIDATION_FAILED', /content/],
    ['white space only', () => ({ conversationId, content: ' \n ' }), 'VALIDATION_FAILED', /content/],
    ['invisible characters only', () => ({ conversationId, content: '\u200b\u3164' }), 'VALIDATION_FAILED', /content/],
    ['a text of 100 kB', () => ({ conversationId, content: 'x'.repeat(100_000) }), 'VALIDATION_FAILED', /10000/],
    ['a NUL byte', () => ({ conversationId, content: 'a\u0000b' }), 'VALIDATION_FAILED', /NUL/],
    ['half a character', () => ({ conversationId, content: 'a\ud800' }), 'VALIDATION_FAILED', /Unicode/],
    ['a number as content', () => ({ conversationId, content: 7 }), 'VALIDATION_FAILED', /^content: /],
    ['binary content', () => ({ conversationId, content: Buffer.from('hi') }), 'VALIDATION_FAILED', /^content: /],
    [
      'an unknown attachment type',
      () => ({ conversationId, attachments: [{ url: 'https://a.example/x', type: 'EXE' }] }),
      'VALIDATION_FAILED',
      /^attachments.0.type/,
    ],
    [
      'a javascript: attachment',
      () => ({ conversationId, attachments: [{ url: 'javascript:alert(1)', type: 'PDF' }] }),
      'VALIDATION_FAILED',
      /https/,
    ],
    [
      'too many attachments',
      () => ({ conversationId, attachments: Array(11).fill({ url: 'https://a.example/x', type: 'PDF' }) }),
      'VALIDATION_FAILED',
      /^attachments: /,
    ],
    [
      'a client message id that is too long',
      () => ({ conversationId, content: 'x', clientMessageId: 'x'.repeat(65) }),
      'VALIDATION_FAILED',
      /^clientMessageId: /,
    ],
  ];

  for (const [name, payload, code, message] of BAD) {
    it(`answers ${name} with ${code}, in the ack and as exception`, async () => {
      const ack = (await client.send(payload())) as FailureAck;
      expect(ack.ok).to.equal(false);
      expect(ack.error).to.include({ code, retryable: false });
      expect(ack.error.message).to.match(message);
      const before = client.exceptions.length;
      client.socket.emit('send_message', payload() as never);
      await eventually(() => expect(client.exceptions.length).to.equal(before + 1));
      expect(client.exceptions.at(-1)).to.deep.equal({ event: 'send_message', error: ack.error });
    });
  }

  it('answers a second argument that is no ack callback with an exception', async () => {
    const before = client.exceptions.length;
    client.socket.emit('send_message', { conversationId, content: 'hi' } as never, 'no function' as never);
    await eventually(() => expect(client.exceptions.length).to.equal(before + 1));
    expect(client.exceptions.at(-1)?.error.code).to.equal('VALIDATION_FAILED');
  });

  /** A client for packets that a stock client cannot encode. */
  async function rawClient(): Promise<{ received: string[]; socket: WebSocket }> {
    const received: string[] = [];
    const socket = new WebSocket(`${cluster.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
    socket.addEventListener('message', ({ data }) => {
      received.push(String(data));
      if (String(data).startsWith('0')) socket.send(`40${JSON.stringify({ token: tokenFor(cluster, client.userId) })}`);
    });
    await eventually(() => expect(received.some((text) => text.startsWith('42["unread_count"'))).to.equal(true));
    return { received, socket };
  }

  it('answers JSON 10,000 levels deep', async () => {
    const deep = `${'['.repeat(10_000)}${']'.repeat(10_000)}`;
    const { received, socket } = await rawClient();
    for (const payload of [
      deep,
      `{"conversationId":"${conversationId}","content":${deep}}`,
      `{"attachments":${deep}}`,
    ]) {
      received.length = 0;
      socket.send(`427["send_message",${payload}]`);
      await eventually(() =>
        expect(received.join('\n')).to.match(
          /^437\[\{"ok":false,"error":\{"code":"VALIDATION_FAILED","message":"A packet may be nested at most 32 levels deep\."/m,
        ),
      );
    }
    socket.close();
  });

  it('answers events without a name, or with a number for one', async () => {
    const { received, socket } = await rawClient();
    for (const packet of ['427', '427[5]', '427[5,{}]']) {
      received.length = 0;
      socket.send(packet);
      await eventually(() =>
        expect(received.join('\n')).to.match(/^437\[\{"ok":false,"error":\{"code":"UNKNOWN_EVENT"/m),
      );
    }
    for (const packet of ['42', '42[5]']) {
      received.length = 0;
      socket.send(packet);
      await eventually(() => expect(received.join('\n')).to.match(/^42\["exception",.*"UNKNOWN_EVENT"/m));
    }
    socket.close();
  });

  it('answers bad read marks', async () => {
    for (const payload of [
      {},
      { conversationId, upToSeq: -1 },
      { conversationId, upToSeq: 1.5 },
      { conversationId, upToSeq: '3' },
    ]) {
      expect(await client.read(payload))
        .to.deep.include({ ok: false })
        .and.have.nested.property('error.code', 'VALIDATION_FAILED');
    }
    expect(await client.read({ conversationId: foreign })).to.have.nested.property(
      'error.code',
      'CONVERSATION_NOT_FOUND',
    );
  });

  it('answers events that do not exist, whatever their name', async () => {
    const names = ['nope', 'error', '__proto__', 'constructor', 'hasOwnProperty', 'x'.repeat(5_000)];
    for (const name of names) {
      const ack = await client.socket.timeout(5_000).emitWithAck(name as 'send_message', {} as never);
      expect(ack).to.have.nested.property('error.code', 'UNKNOWN_EVENT');
    }
    const before = client.exceptions.length;
    client.socket.emit('nope' as 'send_message', {} as never);
    await eventually(() => expect(client.exceptions.length).to.equal(before + 1));
    expect(client.exceptions.at(-1)).to.deep.include({ event: 'nope' });
  });

  it('limits the rate of a connection with a retryable error, until the wait is over', async () => {
    const flooder = await connect(cluster, newUser('flooder'));
    const acks = await Promise.all(
      Array.from({ length: 4_000 }, () => flooder.read({ conversationId: crypto.randomUUID() })),
    );
    const refused = acks.filter((ack) => !ack.ok && ack.error.code === 'RATE_LIMITED') as FailureAck[];
    expect(refused.length).to.be.greaterThan(0);
    expect(refused[0]?.error).to.include({ retryable: true }).and.have.property('retryAfterMs').greaterThan(0);
    await eventually(async () =>
      expect(await flooder.read({ conversationId: foreign })).to.have.nested.property(
        'error.code',
        'CONVERSATION_NOT_FOUND',
      ),
    );
    flooder.close();
  });
});
