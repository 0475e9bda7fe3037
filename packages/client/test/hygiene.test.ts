import { readFileSync } from 'node:fs';
import { LIMITS as CONTRACT, clientEvents, ERRORS, serverEvents } from '@chat-cluster/contracts';
import { expect } from 'chai';
import { MENTIONS } from '../src/groups/wire.ts';
import { LIMITS, SERVER_EVENTS } from '../src/wire.ts';
import { connected, goLive, setUp } from './connected-client.ts';
import { HandMadePage } from './hand-made-page.ts';
import { conversationId, failure, message, part, settle, summary, synced } from './hand-made-server.ts';

const ID = conversationId(1);

describe('a client', () => {
  it('does nothing before connect', async () => {
    const { client, server, clock } = setUp();
    await settle();
    expect([server.sockets.length, clock.timers, client.status.state]).to.deep.equal([0, 0, 'idle']);
    await client.close();
  });

  it('leaves no timer, listener, socket or event behind after close', async () => {
    const page = new HandMadePage();
    const setup = await connected({ page });
    const { client, server, clock, events } = setup;
    server.list = [summary(1, 1)];
    const conversation = client.conversation(ID);
    const { socket } = server;
    socket.push('typing', { conversationId: ID, userId: 'bob', typing: true });
    socket.push('new_message', message(1, 5));
    socket.push('token_expiring', { expiresInMs: 1 });
    conversation.send('unsent');
    conversation.typing(true);
    conversation.read();
    client.watch(['bob']);
    const settled = client.settled().catch((error: Error) => error.message);
    await settle();
    await client.close();
    const before = Object.values(events).flat().length;
    const left = [...socket.received];
    socket.push('new_message', message(1, 6));
    for (const { answer } of left) answer(failure({ code: 'OVERLOADED', retryable: true }));
    await clock.advance(60_000);
    expect([clock.timers, page.listeners.size, server.alive.length, socket.listeners]).to.deep.equal([0, 0, 0, 0]);
    expect(Object.values(events).flat().length).to.equal(before);
    expect(await settled).to.contain('closed');
  });

  it('ends each subscription with its off function', async () => {
    const { client, server } = await connected();
    const calls: string[] = [];
    const offs = [
      client.on('message', () => calls.push('message')),
      client.conversations.subscribe(() => calls.push('list')),
      client.conversation(ID).messages.subscribe(() => calls.push('messages')),
      client.outbox.subscribe(() => calls.push('outbox')),
    ];
    server.socket.push('new_message', message(1, 1));
    expect(calls).to.include.members(['message', 'list', 'messages']);
    calls.length = 0;
    for (const off of offs) off();
    server.socket.push('new_message', message(1, 2));
    expect(calls).to.deep.equal([]);
    await client.close();
  });

  it('notifies a subscription once per answer, however many messages it has', async () => {
    const { client, server, clock } = await connected();
    server.socket.push('new_message', message(1, 1));
    await clock.advance(500);
    server.socket.take('sync').answer(synced({ feed: undefined, conversations: [part(1, 1, 1)] }));
    server.socket.push('new_message', message(1, 90));
    let calls = 0;
    client.conversations.subscribe(() => calls++);
    await clock.advance(500);
    server.socket.take('sync').answer(synced({ feed: undefined, conversations: [part(1, 2, 90)] }));
    expect(calls).to.equal(1);
    await client.close();
  });

  it('keeps snapshots the same object until they change', async () => {
    const { client, server } = await connected();
    server.socket.push('new_message', message(1, 1));
    const before = client.conversations.get();
    expect(client.conversations.get()).to.equal(before);
    server.socket.push('new_message', message(2, 1));
    expect(client.conversations.get()).not.to.equal(before);
    expect(client.conversations.get()).to.include(before[0]);
    await client.close();
  });

  it('goes on when a listener throws, and reports it', async () => {
    const { client, server, events } = await connected();
    client.on('message', () => {
      throw new Error('oops');
    });
    const after: number[] = [];
    client.on('message', ({ seq }) => after.push(seq));
    server.socket.push('new_message', message(1, 1));
    expect(after).to.deep.equal([1]);
    expect(events.error[0]).to.include({ code: 'LISTENER_FAILED' });
    await client.close();
  });

  it('keeps a bounded window per open conversation, and the last message of the others', async () => {
    const { client, server, clock } = await connected({ windowSize: 100 });
    const conversation = client.conversation(ID);
    await clock.advance(10);
    server.socket.take('sync').answer(synced({ feed: undefined, conversations: [part(1, 1, 0)] }));
    for (let seq = 1; seq <= 250; seq++) {
      server.socket.push('new_message', message(1, seq));
      server.socket.push('new_message', message(2, seq));
    }
    const seqs = () => conversation.messages.get().messages.map(({ seq }) => seq);
    expect([seqs().length <= 100, seqs().at(-1), conversation.messages.get().holes]).to.deep.equal([true, 250, []]);
    conversation.release();
    expect(conversation.messages.get().messages).to.deep.equal([]);
    expect(client.conversations.get().map(({ lastMessage }) => lastMessage?.seq)).to.deep.equal([250, 250]);
    await client.close();
  });

  it('shows unsent messages behind the stored ones, also when the list is rebuilt', async () => {
    const { client, server, clock } = await connected();
    const conversation = client.conversation(ID);
    await clock.advance(10);
    server.socket.take('sync').answer(synced({ feed: undefined, conversations: [part(1, 1, 0)] }));
    server.socket.lose();
    for (const text of ['a', 'b']) conversation.send(text);
    const texts = () => conversation.messages.get().messages.map(({ content }) => content);
    expect(texts()).to.deep.equal(['a', 'b']);
    await clock.advance(1_000);
    server.socket.accept();
    await settle();
    server.socket.push('new_message', message(1, 1));
    expect(texts()).to.deep.equal(['text 1', 'a', 'b']);
    await client.close();
  });

  it('repeats typing every 3 s, and ends that of others after 5 s or with their message', async () => {
    const { client, server, clock, events } = await connected();
    const conversation = client.conversation(ID);
    for (let i = 0; i < 4; i++) {
      conversation.typing(true);
      await clock.advance(1_000);
    }
    conversation.typing(false);
    conversation.typing(false);
    const sent = server.socket.received.filter(({ event }) => event === 'typing').map(({ payload }) => payload.typing);
    expect(sent).to.deep.equal([true, true, false]);
    const typing = { conversationId: ID, userId: 'bob', typing: true };
    server.socket.push('typing', typing);
    await clock.advance(5_000);
    server.socket.push('typing', typing);
    server.socket.push('new_message', message(1, 1));
    expect(events.typing.map((one) => one.typing)).to.deep.equal([true, false, true, false]);
    await client.close();
  });

  it('ends the typing of others when the client ends or has another user', async () => {
    const setup = await connected();
    const { client, server, clock, events } = setup;
    const typing = { conversationId: ID, userId: 'bob', typing: true };
    server.socket.push('typing', typing);
    server.socket.lose();
    await clock.advance(1_000);
    await goLive(setup, { userId: 'carol' });
    server.socket.push('typing', typing);
    await client.close();
    expect(events.typing.map((one) => one.typing)).to.deep.equal([true, false, true, false]);
  });

  it('signals typing at once after an own message, which has ended it for others', async () => {
    const { client, server } = await connected();
    const conversation = client.conversation(ID);
    conversation.typing(true);
    conversation.send('1');
    const { payload, answer } = server.socket.take('send_message');
    answer({
      ok: true,
      duplicate: false,
      message: message(1, 1, { ...payload, senderId: 'alice', receiverId: 'bob' }),
    });
    conversation.typing(true);
    expect(server.socket.received.filter(({ event }) => event === 'typing')).to.have.length(2);
    await client.close();
  });

  it('fails a message beyond the bound of the outbox at once', async () => {
    const { client } = setUp({ maxOutbox: 2 });
    const sent = ['1', '2', '3'].map((text) => client.conversation(ID).send(text));
    expect(sent.map(({ status, error }) => error?.code ?? status)).to.deep.equal(['queued', 'queued', 'OUTBOX_FULL']);
    expect(client.outbox.get()).to.have.length(2);
    await client.close();
  });

  it('gives a retried message a new promise', async () => {
    const { client, server } = await connected();
    const conversation = client.conversation(ID);
    const sent = conversation.send('1');
    const first = sent.stored;
    server.socket.take('send_message').answer(failure({ code: 'REJECTED' }));
    expect(await first.catch((error: { code: string }) => error.code)).to.equal('REJECTED');
    const again = conversation.retry(sent.clientMessageId);
    const { payload, answer } = server.socket.take('send_message');
    answer({
      ok: true,
      duplicate: false,
      message: message(1, 1, { ...payload, senderId: 'alice', receiverId: 'bob' }),
    });
    expect((await again.stored).seq).to.equal(1);
    await client.close();
  });

  it('opens the conversation with a user once, and knows it afterwards', async () => {
    const { client } = await connected();
    const [a, b] = await Promise.all([client.direct('bob'), client.direct('bob')]);
    expect(a).to.equal(b);
    expect(client.conversations.get().map(({ otherUserId }) => otherUserId)).to.deep.equal(['bob']);
    await client.close();
  });
});

describe('the library', () => {
  it('has the figures of the contract', () => {
    for (const [name, value] of Object.entries(LIMITS)) expect(CONTRACT).to.have.property(name, value);
    const ofGroups = ['message_changed', 'conversation_changed', 'block_changed', 'messages_delivered'];
    expect([...SERVER_EVENTS, ...ofGroups]).to.have.members(Object.keys(serverEvents));
    expect(MENTIONS).to.equal(CONTRACT.mentions);
    expect(Object.keys(clientEvents)).to.include.members(['send_message', 'read_messages', 'sync', 'typing']);
    expect(Object.keys(ERRORS).filter((code) => code.startsWith('TOKEN_'))).to.have.length(4);
  });

  it('touches no timer, storage or window when it is imported', async () => {
    const { globalThis: scope } = { globalThis: globalThis as unknown as Record<string, unknown> };
    const touched: string[] = [];
    const before = Object.getOwnPropertyDescriptor(scope, 'document');
    Object.defineProperty(scope, 'document', { configurable: true, get: () => touched.push('document') });
    try {
      await import(`../src/index.ts?again=${Date.now()}`);
    } finally {
      if (before) Object.defineProperty(scope, 'document', before);
      else delete scope.document;
    }
    expect(touched).to.deep.equal([]);
  });

  it('imports only types from the contract, so that no schema library is in its bundle', () => {
    const sources = ['client', 'engine', 'core/core', 'core/sync', 'core/outbox', 'draft', 'wire', 'rest'];
    for (const name of sources) {
      const text = readFileSync(new URL(`../src/${name}.ts`, import.meta.url), 'utf8');
      expect(text, name).not.to.match(/^import (?!type)[^;]*@chat-cluster\/contracts/m);
    }
  });
});
