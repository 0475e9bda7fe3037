import { expect } from 'chai';
import { memoryStore } from '../src/testing/index.ts';
import type { ChatClientOptions, ChatStore } from '../src/types.ts';
import { connected, goLive, type Setup, setUp } from './connected-client.ts';
import { HandMadeBrowser, HandMadePage } from './hand-made-page.ts';
import { conversationId, message, part, settle, synced } from './hand-made-server.ts';

const ID = conversationId(1);

describe('the tabs of a user', () => {
  let browser: HandMadeBrowser;
  let store: ChatStore;
  let setups: Setup[];

  beforeEach(() => {
    browser = new HandMadeBrowser();
    store = memoryStore();
    setups = [];
  });

  afterEach(() => Promise.all(setups.map(({ client }) => client.close())));

  async function tab(
    page = new HandMadePage(browser),
    more: Partial<ChatClientOptions> = {},
  ): Promise<Setup & { page: HandMadePage }> {
    const setup = await connected({ page, store, ...more });
    setups.push(setup);
    await settle();
    return { ...setup, page };
  }

  function sends({ server }: Setup): string[] {
    return server.sockets.flatMap(({ received }) =>
      received.filter(({ event }) => event === 'send_message').map(({ payload }) => payload.content),
    );
  }

  function acknowledge({ server }: Setup, seq: number): void {
    const { payload, answer } = server.socket.take('send_message');
    answer({
      ok: true,
      duplicate: false,
      message: message(1, seq, { ...payload, senderId: 'alice', receiverId: 'bob' }),
    });
  }

  it('send through one of them, and all show the same outbox', async () => {
    const first = await tab();
    const second = await tab();
    const sent = second.client.conversation(ID).send('hello');
    expect([sends(first), sends(second)]).to.deep.equal([['hello'], []]);
    expect([sent.status, first.client.outbox.get().length]).to.deep.equal(['sending', 1]);
    acknowledge(first, 1);
    expect((await sent.stored).seq).to.equal(1);
    expect([first.client.outbox.get(), second.client.outbox.get()]).to.deep.equal([[], []]);
    expect(second.events.message.map(({ seq }) => seq)).to.deep.equal([1]);
  });

  it('show a message once whose event overtakes the report of the tab that sends it', async () => {
    const first = await tab();
    const second = await tab();
    const { messages } = second.client.conversation(ID);
    const shown: string[][] = [];
    messages.subscribe(() => shown.push(messages.get().messages.map(({ status }) => status)));
    messages.get();
    await second.clock.advance(0);
    second.server.socket.take('sync').answer(synced({ conversations: [part(1, 1, 0)] }));
    browser.held = [];
    const sent = first.client.conversation(ID).send('hello');
    const { payload, answer } = first.server.socket.take('send_message');
    const stored = message(1, 1, { ...payload, senderId: 'alice', receiverId: 'bob' });
    second.server.socket.push('new_message', stored);
    await settle();
    expect(shown.at(-1)).to.deep.equal(['stored']);
    answer({ ok: true, duplicate: false, message: stored });
    await sent.stored;
    for (const deliver of browser.held.splice(0)) {
      deliver();
      await settle();
    }
    expect(shown.at(-1)).to.deep.equal(['stored']);
    expect(shown.filter((statuses) => statuses.length > 1)).to.deep.equal([]);
  });

  it('take over when the sending tab closes or loses its connection', async () => {
    const first = await tab();
    const second = await tab();
    const third = await tab();
    second.client.conversation(ID).send('1');
    first.server.socket.lose();
    await settle();
    expect(sends(second)).to.deep.equal(['1']);
    await second.client.close();
    await settle();
    expect(sends(third)).to.deep.equal(['1']);
  });

  it('share the report of a failure, the retry and the discard', async () => {
    const first = await tab();
    const second = await tab();
    const conversation = second.client.conversation(ID);
    const sent = conversation.send('1');
    first.server.socket
      .take('send_message')
      .answer({ ok: false, error: { code: 'REJECTED', message: '', retryable: false } });
    expect([sent.status, sent.error?.code]).to.deep.equal(['failed', 'REJECTED']);
    conversation.retry(sent.clientMessageId);
    expect([sends(first), sent.status]).to.deep.equal([['1'], 'sending']);
    first.server.socket
      .take('send_message')
      .answer({ ok: false, error: { code: 'REJECTED', message: '', retryable: false } });
    conversation.discard(sent.clientMessageId);
    expect([sent.status, first.client.outbox.get().length]).to.deep.equal(['discarded', 0]);
  });

  it('send what a tab has left in the store', async () => {
    const first = await tab();
    const offline = setUp({ page: new HandMadePage(), store });
    setups.push(offline);
    offline.client.connect();
    await settle();
    offline.client.conversation(ID).send('left behind');
    await settle();
    first.server.socket.lose();
    await first.clock.advance(1_000);
    await goLive(first);
    await settle();
    expect(sends(first)).to.deep.equal(['left behind']);
  });

  it('do not write the state of conversations twice', async () => {
    const writes: string[] = [];
    const watched = (name: string): ChatStore => ({
      ...store,
      write: (key, change) => {
        if (change.since !== undefined && key.includes(' ')) writes.push(name);
        return store.write(key, change);
      },
    });
    const first = await connected({ page: new HandMadePage(browser), store: watched('first') });
    const second = await connected({ page: new HandMadePage(browser), store: watched('second') });
    setups.push(first, second);
    await settle();
    expect(new Set(writes)).to.deep.equal(new Set(['first']));
    await first.client.close();
    await settle();
    expect(new Set(writes)).to.deep.equal(new Set(['first', 'second']));
  });

  it('work alone without locks', async () => {
    const first = await tab(new HandMadePage());
    const second = await tab(new HandMadePage());
    first.client.conversation(ID).send('1');
    second.client.conversation(ID).send('2');
    expect([sends(first), sends(second)]).to.deep.equal([['1'], ['2']]);
  });

  it('sign out together', async () => {
    const first = await tab();
    let tokens = 0;
    const second = await tab(undefined, { getToken: () => `token ${++tokens}` });
    second.server.socket.lose();
    second.client.conversation(ID).send('1');
    await first.client.signOut();
    expect([second.client.status.state, second.client.outbox.get().length]).to.deep.equal(['signed_out', 0]);
    second.client.connect();
    await settle();
    expect(second.server.socket.token, 'not that of the user who has signed out').to.equal('token 2');
  });
});
