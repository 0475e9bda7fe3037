import { expect } from 'chai';
import { connected, goLive } from './connected-client.ts';
import { HandMadePage } from './hand-made-page.ts';
import { conversationId, failure, message, settle, summary } from './hand-made-server.ts';

const ID = conversationId(1);

describe('the badge', () => {
  it('is the last unread_count, and not computed from messages or syncs', async () => {
    const setup = await connected();
    const { client, server, events } = setup;
    server.socket.push('unread_count', { count: 7 });
    server.socket.push('new_message', message(1, 1));
    expect(client.badge).to.equal(7);
    server.socket.lose();
    await setup.clock.advance(1_000);
    await goLive(setup);
    expect(client.badge).to.equal(7);
    server.socket.push('unread_count', { count: 2 });
    expect([client.badge, events.badge]).to.deep.equal([2, [7, 2]]);
    await client.close();
  });

  it('comes with absolute counts of conversations', async () => {
    const { client, server } = await connected();
    server.socket.push('new_message', message(1, 1));
    for (const count of [3, 3, 0]) {
      server.socket.push('unread_count', { count, conversations: [{ conversationId: ID, count }] });
      expect(client.conversations.get()[0]?.unreadCount).to.equal(count);
    }
    await client.close();
  });
});

describe('a read mark', () => {
  async function opened(page = new HandMadePage()) {
    const setup = await connected({ page });
    setup.server.socket.push('new_message', message(1, 1));
    return { ...setup, page, conversation: setup.client.conversation(ID) };
  }

  it('is sent at most once per second, and then up to the newest message', async () => {
    const { client, server, clock, conversation } = await opened();
    conversation.read();
    for (const seq of [2, 3]) {
      server.socket.push('new_message', message(1, seq));
      conversation.read();
    }
    expect(server.socket.take('read_messages').payload).to.deep.equal({ conversationId: ID, upToSeq: 1 });
    expect(server.socket.has('read_messages')).to.equal(false);
    await clock.advance(1_000);
    expect(server.socket.take('read_messages').payload.upToSeq).to.equal(3);
    conversation.read();
    await clock.advance(5_000);
    expect(server.socket.has('read_messages'), 'the same mark again').to.equal(true);
    await client.close();
  });

  it('that is refused because of the token is sent over the next connection', async () => {
    const setup = await opened();
    setup.conversation.read();
    setup.server.socket.take('read_messages').answer(failure({ code: 'TOKEN_EXPIRED' }));
    setup.server.socket.lose();
    await setup.clock.advance(5_000);
    await goLive(setup);
    await setup.clock.advance(1_000);
    expect(setup.server.socket.take('read_messages').payload).to.deep.equal({ conversationId: ID, upToSeq: 1 });
    await setup.client.close();
  });

  it('waits while the page is hidden, and while there is no connection', async () => {
    const { client, server, clock, page, conversation, events } = await opened();
    page.change('hidden');
    conversation.read();
    expect(server.socket.has('read_messages')).to.equal(false);
    page.change('visible');
    expect(server.socket.take('read_messages').payload.upToSeq).to.equal(1);
    server.socket.push('new_message', message(1, 2));
    server.socket.lose();
    conversation.read();
    await clock.advance(1_000);
    await goLive({ client, server, clock, events });
    expect(server.socket.take('read_messages').payload.upToSeq).to.equal(2);
    await client.close();
  });

  it('is not sent again when the server knows it', async () => {
    const { client, server, clock, conversation } = await opened();
    server.socket.push('messages_read', {
      conversationId: ID,
      userId: 'alice',
      upToSeq: 1,
      readAt: '2026-01-01T12:00:00Z',
    });
    conversation.read();
    await clock.advance(2_000);
    expect(server.socket.has('read_messages')).to.equal(false);
    await client.close();
  });

  it('is repeated after a refusal that passes, and dropped after another one', async () => {
    const { client, server, clock, conversation } = await opened();
    conversation.read();
    server.socket.take('read_messages').answer(failure({ code: 'UNAVAILABLE', retryable: true, retryAfterMs: 2_000 }));
    await clock.advance(1_999);
    expect(server.socket.has('read_messages')).to.equal(false);
    await clock.advance(1);
    server.socket.take('read_messages').answer(failure({ code: 'CONVERSATION_NOT_FOUND' }));
    await clock.advance(60_000);
    expect(server.socket.has('read_messages')).to.equal(false);
    await client.close();
  });

  it('of the other user marks own messages as read, and never moves back', async () => {
    const { client, server, events, clock } = await connected();
    server.list = [summary(1, 1)];
    const conversation = client.conversation(ID);
    const sent = conversation.send('hello');
    const { payload, answer } = server.socket.take('send_message');
    answer({
      ok: true,
      duplicate: false,
      message: message(1, 1, { ...payload, senderId: 'alice', receiverId: 'bob' }),
    });
    for (const upToSeq of [1, 1]) {
      server.socket.push('messages_read', {
        conversationId: ID,
        userId: 'bob',
        upToSeq,
        readAt: '2026-01-01T12:00:00Z',
      });
    }
    expect([sent.status, conversation.messages.get().messages[0]?.status]).to.deep.equal(['read', 'read']);
    expect(events.read).to.have.length(1);
    await clock.advance(0);
    await settle();
    await client.close();
  });
});
