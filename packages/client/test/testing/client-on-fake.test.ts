import { expect } from 'chai';
import { createChatClient } from '../../src/index.ts';
import { createFakeCluster } from '../../src/testing/index.ts';

describe('a client on a fake cluster', () => {
  it('runs in the time of the cluster: a test waits for nothing', async () => {
    const cluster = createFakeCluster();
    const chat = createChatClient(cluster.optionsOf('alice'));
    chat.connect();
    await cluster.advance(1_000);
    expect(chat.status).to.include({ state: 'live', gatewayId: 'gateway-1' });
    const sent = cluster.send({ from: 'bob', to: 'alice', content: 'Hello!' });
    await cluster.idle();
    expect(chat.badge).to.equal(1);
    expect(chat.conversations.get()).to.have.nested.property('[0].lastMessage.content', 'Hello!');

    cluster.offline();
    const conversation = chat.conversation(sent.conversationId);
    const reply = conversation.send('Hi Bob!');
    await cluster.advance(60_000);
    expect([reply.status, chat.status.state]).to.deep.equal(['queued', 'waiting']);
    cluster.online();
    await cluster.advance(60_000);
    expect(reply.status).to.equal('stored');
    expect(cluster.messages(sent.conversationId).map(({ content }) => content)).to.deep.equal(['Hello!', 'Hi Bob!']);
    await chat.close();
  });

  it('gets another token before one expires, an hour later', async () => {
    const cluster = createFakeCluster();
    const chat = createChatClient(cluster.optionsOf('alice'));
    chat.connect();
    await cluster.advance(2 * 3_600_000);
    expect(cluster.requests('refresh_token').length).to.be.within(1, 3);
    expect(chat.status).to.deep.include({ state: 'live', attempt: 0 });
    await chat.close();
  });

  it('opens and lists conversations over HTTP, which is delivered with the rest', async () => {
    const cluster = createFakeCluster();
    for (const from of ['bob', 'carol', 'dave']) cluster.send({ from, to: 'alice', content: `from ${from}` });
    const chat = createChatClient(cluster.optionsOf('alice'));
    chat.connect();
    await cluster.advance(1_000);
    void chat.conversations.loadMore();
    await cluster.idle();
    expect(chat.conversations.get().map(({ otherUserId }) => otherUserId)).to.deep.equal(['dave', 'carol', 'bob']);
    let opened = '';
    void chat.direct('erin').then(({ id }) => {
      opened = id;
    });
    await cluster.idle();
    expect(opened).to.equal(cluster.open('alice', 'erin').id);
    await chat.close();
  });
});
