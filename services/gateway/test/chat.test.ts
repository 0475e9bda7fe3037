import { randomUUID } from 'node:crypto';
import type { HistoryPage, Message } from '@chat-cluster/contracts';
import {
  api,
  connect,
  connectElsewhere,
  eventually,
  newUser,
  openConversation,
  startTestCluster,
  type TestClient,
  type TestCluster,
} from '@chat-cluster/testkit';
import { expect } from 'chai';

describe('chat on a cluster of two gateways', () => {
  let cluster: TestCluster;
  const open: TestClient[] = [];

  before(async () => {
    cluster = await startTestCluster();
  });
  after(() => cluster.stop());
  afterEach(() => {
    for (const client of open.splice(0)) client.close();
  });

  async function device(userId: string): Promise<TestClient> {
    const client = await connect(cluster, userId);
    open.push(client);
    return client;
  }

  async function deviceElsewhere(userId: string, than: TestClient): Promise<TestClient> {
    const client = await connectElsewhere(cluster, userId, than.session.gatewayId);
    open.push(client);
    return client;
  }

  /** Two users on two gateways, with their conversation. */
  async function pair(): Promise<{ alice: TestClient; bob: TestClient; conversationId: string }> {
    const [a, b] = [newUser('alice'), newUser('bob')];
    const conversationId = await openConversation(cluster, a, b);
    const alice = await device(a);
    const bob = await deviceElsewhere(b, alice);
    return { alice, bob, conversationId };
  }

  it('delivers to both sides on different gateways, with the fields of the protocol', async () => {
    const { alice, bob, conversationId } = await pair();
    expect(alice.session.gatewayId).not.to.equal(bob.session.gatewayId);
    const attachments = [{ url: 'https://files.example.com/a.pdf', type: 'PDF' }];
    const ack = await alice.send({ conversationId, content: 'Hello!', attachments, clientMessageId: 'one' });
    if (!ack.ok) throw new Error(ack.error.message);
    expect(ack.duplicate).to.equal(false);
    expect(ack.message).to.deep.include({
      conversationId,
      senderId: alice.userId,
      receiverId: bob.userId,
      content: 'Hello!',
      attachments,
      isRead: false,
      seq: 1,
      clientMessageId: 'one',
    });
    await eventually(() => {
      expect(alice.messages).to.deep.equal([ack.message]);
      expect(bob.messages).to.deep.equal([ack.message]);
      expect(bob.badges.at(-1)).to.deep.equal({ count: 1, conversations: [{ conversationId, count: 1 }] });
    });
    // A sender gets no badge. A connection that subscribed late has a second one, with `sync_required`.
    expect(alice.badges.map(({ count }) => count)).to.deep.equal(alice.badges.map(() => 0));
  });

  it('shows the URL of an attachment in one form everywhere, also after a resend of an equivalent one', async () => {
    const { alice, bob, conversationId } = await pair();
    const draft = (url: string) => ({ conversationId, attachments: [{ url, type: 'PDF' }], clientMessageId: 'file' });
    const ack = await alice.send(draft('HTTPS://Files.Example.com:443/x/../Übersicht.pdf'));
    if (!ack.ok) throw new Error(ack.error.message);
    const attachments = [{ url: 'https://files.example.com/%C3%9Cbersicht.pdf', type: 'PDF' }];
    expect(ack.message.attachments).to.deep.equal(attachments);
    const again = await alice.send(draft('https://files.example.com/%C3%9Cbersicht.pdf'));
    expect(again).to.deep.equal({ ok: true, duplicate: true, message: ack.message });
    await eventually(() => expect(bob.messages).to.deep.equal([ack.message]));
    const synced = await bob.socket
      .timeout(10_000)
      .emitWithAck('sync', { conversations: [{ id: conversationId, afterSeq: 0 }] });
    expect(synced).to.have.nested.property('conversations[0].messages').that.deep.equals([ack.message]);
    const { body } = await api<HistoryPage>(cluster, bob.userId, 'GET', `/api/messages/with/${alice.userId}`);
    expect(body.messages).to.deep.equal([ack.message]);

    for (const url of [
      'https:\\\\evil.example\\x',
      'https://files.example.com/\u202egpj.exe',
      'https://a@b.example/',
    ]) {
      const refused = await alice.send({ ...draft(url), clientMessageId: 'unusual' });
      expect(refused).to.have.nested.property('error.code', 'VALIDATION_FAILED');
      expect(refused)
        .to.have.nested.property('error.message')
        .that.matches(/^attachments\.0\.url: must not contain /);
    }
  });

  it('serves a client that requests no ack, as the base protocol has none', async () => {
    const { alice, bob, conversationId } = await pair();
    alice.socket.emit('send_message', { conversationId, content: 'no callback' } as never);
    await eventually(() => expect(bob.messages.map((message) => message.content)).to.deep.equal(['no callback']));
    await eventually(() => expect(alice.messages).to.have.length(1));
    bob.socket.emit('read_messages', { conversationId } as never);
    await eventually(() => expect(bob.badges.at(-1)?.count).to.equal(0));
  });

  it('reaches all devices of both users, in order, with dense seq, when both send at once', async () => {
    const { alice, bob, conversationId } = await pair();
    const [alice2, bob2] = [await deviceElsewhere(alice.userId, alice), await deviceElsewhere(bob.userId, bob)];
    const sendAll = (client: TestClient, name: string) =>
      Promise.all(Array.from({ length: 100 }, (_, i) => client.send({ conversationId, content: `${name}${i}` })));
    await Promise.all([sendAll(alice, 'a'), sendAll(bob, 'b'), sendAll(alice2, 'A')]);
    const devices = [alice, bob, alice2, bob2];
    await eventually(() => {
      for (const client of devices) expect(client.messages).to.have.length(300);
    });
    for (const client of devices) {
      expect(client.messages.map((message) => message.seq)).to.deep.equal(Array.from({ length: 300 }, (_, i) => i + 1));
      for (const name of ['a', 'b', 'A']) {
        const sent = client.messages.map((message) => message.content ?? '').filter((text) => text.startsWith(name));
        expect(sent).to.deep.equal(Array.from({ length: 100 }, (_, i) => `${name}${i}`));
      }
    }
    await eventually(() => expect(bob2.badges.at(-1)?.count).to.equal(200));
    await eventually(() => expect(alice.badges.at(-1)?.count).to.equal(100));
  });

  it('stores each client message id once, in send order, and acks resends with the first result', async () => {
    const { alice, bob, conversationId } = await pair();
    // 1,000 sends as fast as one client can: each id twice, the second right behind or far behind the first.
    const ids = Array.from({ length: 500 }, () => randomUUID());
    const order = [...ids.slice(0, 250).flatMap((id) => [id, id]), ...ids.slice(250), ...ids.slice(250)];
    const acks = await Promise.all(
      order.map((clientMessageId, i) =>
        alice.send({ conversationId, content: `${clientMessageId} ${i}`, clientMessageId }),
      ),
    );
    const first = new Map<string, Message>();
    acks.forEach((ack, i) => {
      if (!ack.ok) throw new Error(ack.error.message);
      const id = order[i] as string;
      expect(ack.duplicate).to.equal(first.has(id));
      if (!first.has(id)) first.set(id, ack.message);
      expect(ack.message).to.deep.equal(first.get(id));
    });
    await eventually(() => expect(bob.messages).to.have.length(500));
    expect(bob.messages.map((message) => message.clientMessageId)).to.deep.equal(ids);
    expect(bob.messages.map((message) => message.seq)).to.deep.equal(ids.map((_, i) => i + 1));
    await eventually(() => expect(bob.badges.at(-1)?.count).to.equal(500));
  });

  it('updates the badge on both devices of a reader, and emits the read mark to both users', async () => {
    const { alice, bob, conversationId } = await pair();
    const bob2 = await deviceElsewhere(bob.userId, bob);
    for (const content of ['1', '2', '3']) await alice.send({ conversationId, content });
    await eventually(() => expect([bob, bob2].map((client) => client.badges.at(-1)?.count)).to.deep.equal([3, 3]));
    expect(await bob.read({ conversationId, upToSeq: 2 })).to.deep.equal({
      ok: true,
      conversationId,
      upToSeq: 2,
      unread: { count: 1 },
    });
    await eventually(() => {
      expect([bob, bob2].map((client) => client.badges.at(-1)?.count)).to.deep.equal([1, 1]);
      for (const client of [alice, bob, bob2]) {
        expect(client.receipts.at(-1)).to.include({ conversationId, userId: bob.userId, upToSeq: 2 });
      }
    });
    expect(await bob2.read({ conversationId })).to.deep.include({ upToSeq: 3, unread: { count: 0 } });
    await eventually(() => expect([bob, bob2].map((client) => client.badges.at(-1)?.count)).to.deep.equal([0, 0]));
  });

  it('sends the badge again on reconnect', async () => {
    const { alice, bob, conversationId } = await pair();
    await alice.send({ conversationId, content: 'while you were away' });
    await eventually(() => expect(bob.badges.at(-1)?.count).to.equal(1));
    const before = bob.badges.length;
    bob.socket.io.engine.close();
    await eventually(() => {
      expect(bob.badges.length).to.be.greaterThan(before);
      expect(bob.badges.at(-1)).to.deep.equal({ count: 1 });
    });
  });

  it('delivers a message to oneself once', async () => {
    const me = newUser('me');
    const conversationId = await openConversation(cluster, me, me);
    const client = await device(me);
    const ack = await client.send({ conversationId, content: 'note' });
    expect(ack.ok && ack.message).to.include({ senderId: me, receiverId: me, seq: 1 });
    await client.send({ conversationId, content: 'another' });
    await eventually(() =>
      expect(client.messages.map((message) => message.content)).to.deep.equal(['note', 'another']),
    );
    expect(client.badges.at(-1)?.count).to.equal(0);
  });

  it('reaches users whose id has the 20 characters of a socket id', async () => {
    const a = newUser('twenty-chars').slice(0, 20).padEnd(20, 'x');
    const b = newUser('b');
    const conversationId = await openConversation(cluster, a, b);
    const alice = await device(a);
    const bob = await deviceElsewhere(b, alice);
    await bob.send({ conversationId, content: 'hi' });
    await eventually(() => expect(alice.messages).to.have.length(1));
  });
});
