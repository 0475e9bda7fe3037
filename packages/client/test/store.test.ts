import { expect } from 'chai';
import { memoryStore } from '../src/testing/index.ts';
import type { ChatStore } from '../src/types.ts';
import { connected, goLive, setUp } from './connected-client.ts';
import { conversationId, HandMadeServer, message, OTHER_EPOCH, settle, summary, synced } from './hand-made-server.ts';

const ID = conversationId(1);
const ALICE = 'https://chat.example.com alice';

describe('the store of a client', () => {
  it('keeps queued messages over a crash, and the next client sends each with the same id', async () => {
    const store = memoryStore();
    const first = await connected({ store });
    first.server.socket.lose();
    const sent = ['1', '2'].map((text) => first.client.conversation(ID).send(text));
    await settle();
    // The first client is not closed: its process was killed.
    const second = setUp({ store });
    second.client.connect();
    await settle();
    expect(second.client.outbox.get().map(({ content, status }) => [content, status])).to.deep.equal([
      ['1', 'queued'],
      ['2', 'queued'],
    ]);
    await goLive(second);
    expect(second.server.socket.take('send_message').payload.clientMessageId).to.equal(sent[0]?.clientMessageId);
    await Promise.all([first.client.close(), second.client.close()]);
  });

  it('shows a user without a connection: list, badge and failed messages', async () => {
    const store = memoryStore();
    const first = setUp({ store });
    first.server.list = [summary(1, 4, { unreadCount: 2 })];
    await goLive(first);
    first.server.socket.push('unread_count', { count: 2 });
    const sent = first.client.conversation(ID).send('bad');
    first.server.socket
      .take('send_message')
      .answer({ ok: false, error: { code: 'REJECTED', message: 'no', retryable: false } });
    expect(sent.status).to.equal('failed');
    await first.client.close();
    const second = setUp({ store });
    second.client.connect();
    await settle();
    expect(second.client.badge).to.equal(2);
    expect(second.client.conversations.get()).to.deep.include({
      id: ID,
      otherUserId: 'bob',
      lastMessage: message(1, 4),
      lastSeq: 4,
      unreadCount: 2,
      readMarks: {},
      updatedAt: Date.parse('2026-01-01T12:00:00.000Z'),
    });
    expect(second.client.outbox.get()[0]).to.deep.include({ status: 'failed', content: 'bad' });
    await second.client.close();
  });

  it('goes on where delivery ended: a message that was not delivered is delivered after the restart', async () => {
    const store = memoryStore();
    const first = setUp({ store });
    first.server.list = [summary(1, 4)];
    await goLive(first);
    first.server.socket.push('new_message', message(1, 6));
    await first.client.close();
    expect((await store.load(ALICE))?.conversations[0]?.lastSeq).to.equal(4);
    const second = setUp({ store });
    second.client.connect();
    await settle();
    second.server.socket.accept();
    await settle();
    const entry = { ...summary(1, 5), readMarks: [] };
    second.server.socket.take('sync').answer(synced({ feed: { conversations: [entry], since: 's2', hasMore: false } }));
    expect(second.events.message.map(({ seq }) => seq)).to.deep.equal([5]);
    await second.client.close();
  });

  it('forgets a conversation in which the user is not any more', async () => {
    const store = memoryStore();
    const setup = setUp({ store });
    setup.server.list = [summary(1, 4), summary(2, 4)];
    await goLive(setup);
    setup.server.socket.push('new_message', message(1, 6));
    await settle();
    expect((await store.load(ALICE))?.conversations).to.have.length(2);
    await setup.clock.advance(500);
    setup.server.socket.take('sync').answer(synced({ feed: undefined, notFound: [ID] }));
    await setup.client.close();
    expect((await store.load(ALICE))?.conversations.map(({ id }) => id)).to.deep.equal([conversationId(2)]);
  });

  it('that fails is left: the client goes on in memory, and reports it once', async () => {
    const store = memoryStore();
    let writes = 0;
    const full: ChatStore = {
      ...store,
      write: async () => {
        writes++;
        throw new Error('QuotaExceededError');
      },
    };
    const { client, server, events } = await connected({ store: full });
    server.socket.push('new_message', message(1, 1));
    await settle();
    expect(events.error.map(({ code }) => code)).to.deep.equal(['STORE_FAILED']);
    expect(writes).to.equal(1);
    expect(client.conversations.get()).to.have.length(1);
    await client.close();
  });

  it('that does not open is left after 5 s', async () => {
    const setup = setUp({ store: { ...memoryStore(), load: () => new Promise(() => {}) } });
    setup.client.connect();
    await setup.clock.advance(5_000);
    expect(setup.events.error.map(({ code }) => code)).to.deep.equal(['STORE_FAILED']);
    await goLive(setup);
    await setup.client.close();
  });

  it('never shows or sends what belongs to another user', async () => {
    const store = memoryStore();
    const first = setUp({ store });
    first.server.list = [summary(1, 4)];
    await goLive(first);
    first.server.socket.lose();
    first.client.conversation(ID).send('of alice');
    await first.client.close();
    const second = setUp({ store });
    second.client.connect();
    await settle();
    expect(second.client.outbox.get()).to.have.length(1);
    await goLive(second, { userId: 'carol' });
    expect([second.client.outbox.get(), second.client.conversations.get()]).to.deep.equal([[], []]);
    expect(second.server.socket.has('send_message')).to.equal(false);
    await second.client.close();
    expect((await store.load(ALICE))?.outbox.map(({ content }) => content)).to.deep.equal(['of alice']);
  });

  it('switches when another user signs in on the same client, and back', async () => {
    const store = memoryStore();
    const setup = setUp({ store });
    setup.server.list = [summary(1, 4)];
    await goLive(setup);
    setup.server.socket.lose();
    const sent = setup.client.conversation(ID).send('of alice');
    await setup.clock.advance(1_000);
    setup.server.list = [];
    await goLive(setup, { userId: 'carol' });
    expect([setup.client.conversations.get(), sent.status]).to.deep.equal([[], 'failed']);
    setup.server.socket.lose();
    await setup.clock.advance(1_000);
    await goLive(setup);
    expect(setup.client.conversations.get().map(({ id }) => id)).to.deep.equal([ID]);
    expect(setup.server.socket.take('send_message').payload.content).to.equal('of alice');
    await setup.client.close();
  });

  it('has what is sent during the switch under the new user', async () => {
    const store = memoryStore();
    const setup = setUp({ store });
    setup.server.list = [summary(1, 4)];
    await goLive(setup);
    setup.server.socket.lose();
    const off = setup.client.conversations.subscribe(() => {
      off();
      setup.client.conversation(ID).send('of carol');
    });
    await setup.clock.advance(1_000);
    setup.server.list = [];
    await goLive(setup, { userId: 'carol' });
    const textsOf = async (user: string) =>
      (await store.load(`https://chat.example.com ${user}`))?.outbox.map(({ content }) => content);
    expect([await textsOf('alice'), await textsOf('carol')]).to.deep.equal([[], ['of carol']]);
    await setup.client.close();
  });

  it('does not open a conversation of an earlier user', async () => {
    const server = new HandMadeServer();
    const open = Promise.withResolvers<void>();
    const slow = async (url: string, request: RequestInit & { method: string }) => {
      const aborted = new Promise<never>((_, reject) =>
        request.signal?.addEventListener('abort', () => reject(new Error('aborted'))),
      );
      if (request.method === 'POST') await Promise.race([open.promise, aborted]);
      return server.fetch(url, request);
    };
    const setup = await connected({ fetch: slow as typeof fetch }, { server });
    const { client, clock } = setup;
    const opened = client.direct('bob').catch(({ code }) => code);
    server.socket.lose();
    await clock.advance(1_000);
    await goLive(setup, { userId: 'carol' });
    open.resolve();
    expect(await opened).to.equal('CONNECTION_LOST');
    expect(client.conversations.get()).to.deep.equal([]);
    await client.close();
  });

  it('discards conversations in another epoch, and keeps the outbox', async () => {
    const store = memoryStore();
    const first = setUp({ store });
    first.server.list = [summary(1, 4)];
    await goLive(first);
    first.server.socket.lose();
    first.client.conversation(ID).send('kept');
    await first.client.close();
    const second = setUp({ store });
    second.server.epoch = OTHER_EPOCH;
    second.client.connect();
    await settle();
    second.server.socket.accept({ epoch: OTHER_EPOCH });
    await settle();
    expect(second.events.discontinuity).to.deep.equal([{ reason: 'epoch' }]);
    second.server.socket.take('sync').answer(synced({ epoch: OTHER_EPOCH }));
    await settle();
    const state = await store.load(ALICE);
    expect([state?.conversations, state?.epoch]).to.deep.equal([[], OTHER_EPOCH]);
    expect(state?.outbox.map(({ content }) => content)).to.deep.equal(['kept']);
    await second.client.close();
  });

  it('is deleted by signOut, with the unsent messages', async () => {
    const store = memoryStore();
    const { client, server } = await connected({ store });
    server.socket.lose();
    const sent = client.conversation(ID).send('unsent');
    const stored = sent.stored.then(
      () => 'stored',
      (error: Error) => error.name,
    );
    await client.signOut();
    expect(await stored).to.equal('ChatFailure');
    expect([await store.load(ALICE), await store.load('https://chat.example.com')]).to.deep.equal([
      undefined,
      undefined,
    ]);
    expect([client.status.state, client.badge]).to.deep.equal(['closed', undefined]);
  });
});
