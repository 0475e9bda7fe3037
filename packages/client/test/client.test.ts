import { expect } from 'chai';
import { connected, goLive } from './connected-client.ts';
import { conversationId, message, part, settle, summary, synced } from './hand-made-server.ts';

describe('a chat client', () => {
  it('connects, lists conversations, receives and sends', async () => {
    const setup = await connected();
    const { client, server, clock, events } = setup;
    expect(events.status.map(({ state }) => state)).to.deep.equal(['connecting', 'catching_up', 'live']);
    server.socket.push('new_message', message(1, 1));
    expect(events.message.map(({ seq }) => seq)).to.deep.equal([1]);
    expect(client.conversations.get().map(({ id }) => id)).to.deep.equal([conversationId(1)]);
    const conversation = client.conversation(conversationId(1));
    await clock.advance(500);
    server.socket.take('sync').answer(synced({ feed: undefined, conversations: [part(1, 1, 1)] }));
    const sent = conversation.send('hello');
    expect(sent.status).to.equal('sending');
    const { payload, answer } = server.socket.take('send_message');
    answer({
      ok: true,
      duplicate: false,
      message: message(1, 2, { ...payload, senderId: 'alice', receiverId: 'bob' }),
    });
    expect((await sent.stored).seq).to.equal(2);
    expect(sent.status).to.equal('stored');
    expect(conversation.messages.get().messages.map(({ content, status }) => [content, status])).to.deep.equal([
      ['text 1', 'stored'],
      ['hello', 'stored'],
    ]);
    await client.close();
    expect(setup.clock.timers).to.equal(0);
  });

  it('lists the first page and reconnects', async () => {
    const { client, server, clock, events } = await connected();
    server.list = [summary(2, 4)];
    await client.conversations.loadMore();
    server.socket.lose();
    expect(client.status).to.include({ state: 'waiting', attempt: 0 });
    await clock.advance(1_000);
    await goLive({ client, server, clock, events });
    expect(server.alive).to.have.length(1);
    await client.close();
    await settle();
    expect(server.alive).to.have.length(0);
  });

  it('sends a read mark again whose connection was lost before its ack, and an acknowledged one only once', async () => {
    const setup = await connected();
    const { client, server, clock } = setup;
    server.socket.push('new_message', message(1, 1));
    const conversation = client.conversation(conversationId(1));
    await clock.advance(500);
    server.socket.take('sync').answer(synced({ feed: undefined, conversations: [part(1, 1, 1)] }));
    conversation.read();
    expect(server.socket.take('read_messages').payload).to.include({ upToSeq: 1 });
    server.socket.lose();
    await goLive(setup);
    await clock.advance(1_000);
    server.socket.take('read_messages').answer({ ok: true, upToSeq: 1, unread: { count: 0 } });
    server.socket.lose();
    await goLive(setup);
    await clock.advance(1_000);
    expect(server.socket.has('read_messages')).to.equal(false);
    await client.close();
  });
});
