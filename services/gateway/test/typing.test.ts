import type { FailureAck } from '@chat-cluster/contracts';
import {
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

describe('typing', () => {
  let cluster: TestCluster;
  let alice: TestClient;
  let aliceToo: TestClient;
  let bob: TestClient;
  let bobToo: TestClient;
  let stranger: TestClient;
  let conversationId: string;
  const all = () => [alice, aliceToo, bob, bobToo, stranger];

  before(async () => {
    cluster = await startTestCluster();
    const [a, b] = [newUser('alice'), newUser('bob')];
    conversationId = await openConversation(cluster, a, b);
    const websocket = { transports: ['websocket'] };
    alice = await connect(cluster, a, websocket);
    aliceToo = await connectElsewhere(cluster, a, alice.session.gatewayId, websocket);
    bob = await connect(cluster, b, websocket);
    bobToo = await connectElsewhere(cluster, b, bob.session.gatewayId, websocket);
    stranger = await connect(cluster, newUser('stranger'), websocket);
    // A message makes the conversation known to both gateways.
    for (const client of [alice, aliceToo])
      expect(await client.send({ conversationId, content: 'hi' })).to.include({ ok: true });
  });
  after(async () => {
    for (const client of all()) client.close();
    await cluster.stop();
  });
  beforeEach(() => {
    for (const client of all()) client.typings.length = 0;
  });

  const type = (client: TestClient, payload: unknown): Promise<{ ok: boolean } | FailureAck> =>
    client.socket.timeout(10_000).emitWithAck('typing', payload as never);

  /** Resolves when everything that was emitted to bob before has arrived. */
  async function settled(): Promise<void> {
    const before = [bob, bobToo].map((client) => client.messages.length);
    expect(await alice.send({ conversationId, content: 'settled' })).to.include({ ok: true });
    await eventually(() =>
      expect([bob, bobToo].map((client) => client.messages.length)).to.deep.equal(before.map((n) => n + 1)),
    );
  }

  /**
   * Types until all listeners have received it, as a client does: a volatile event is dropped while the transport is
   * busy with another one.
   */
  async function typeUntilReceived(client: TestClient, typing: boolean, listeners: TestClient[]): Promise<void> {
    const signal = { conversationId, userId: client.userId, typing };
    await eventually(async () => {
      if (!typing) expect(await type(client, { conversationId, typing: true })).to.deep.equal({ ok: true });
      expect(await type(client, { conversationId, typing })).to.deep.equal({ ok: true });
      await eventually(() => {
        for (const listener of listeners) expect(listener.typings).to.deep.include(signal);
      }, 500);
    });
  }

  it('reaches every device of the other participant, and no other device', async () => {
    await typeUntilReceived(alice, true, [bob, bobToo]);
    await typeUntilReceived(alice, false, [bob, bobToo]);
    expect([alice, aliceToo, stranger].flatMap((client) => client.typings)).to.deep.equal([]);
  });

  it('needs no ack, and goes in both directions', async () => {
    await eventually(async () => {
      bobToo.socket.emit('typing', { conversationId, typing: true } as never);
      await eventually(() => {
        for (const client of [alice, aliceToo]) expect(client.typings).to.not.deep.equal([]);
      }, 500);
    });
    expect([bob, bobToo].flatMap((client) => client.typings)).to.deep.equal([]);
    expect(bob.exceptions).to.deep.equal([]);
  });

  it('is relayed once when it is repeated at once, and again after a while', async () => {
    const started = performance.now();
    for (let i = 0; i < 50; i++)
      expect(await type(aliceToo, { conversationId, typing: true })).to.deep.equal({ ok: true });
    await settled();
    expect(bob.typings.length).to.be.at.most(1 + Math.ceil((performance.now() - started) / 1_000));
    bob.typings.length = 0;
    await eventually(async () => {
      await type(aliceToo, { conversationId, typing: true });
      expect(bob.typings.length).to.be.greaterThan(0);
    });
  });

  it('is bounded for a flood, whose sender gets RATE_LIMITED', async () => {
    const flooder = await connect(cluster, alice.userId, { transports: ['websocket'] });
    const acks = await Promise.all(
      Array.from({ length: 4_000 }, (_, i) => type(flooder, { conversationId, typing: i % 2 === 0 })),
    );
    await settled();
    expect(bob.typings.length).to.be.within(1, 60);
    const refused = acks.filter((ack) => !ack.ok) as FailureAck[];
    expect(refused.length).to.be.greaterThan(0);
    // On a slow machine a gateway that cannot keep up sheds some of it first.
    const codes = new Set(refused.map(({ error }) => error.code));
    expect([...codes]).to.include('RATE_LIMITED');
    codes.delete('OVERLOADED');
    expect(codes.size).to.equal(1);
    flooder.close();
  });

  it('is bounded over many conversations', async () => {
    const others = Array.from({ length: 40 }, () => newUser('other'));
    const listeners = await Promise.all(others.map((other) => connect(cluster, other, { transports: ['websocket'] })));
    const ids = await Promise.all(others.map((other) => openConversation(cluster, alice.userId, other)));
    for (const id of ids) expect(await alice.send({ conversationId: id, content: 'hi' })).to.include({ ok: true });
    const started = performance.now();
    for (const id of ids) expect(await type(alice, { conversationId: id, typing: true })).to.deep.equal({ ok: true });
    await settled();
    const seconds = (performance.now() - started) / 1_000;
    expect(listeners.flatMap((client) => client.typings).length).to.be.within(1, 20 + Math.ceil(4 * seconds));
    for (const client of listeners) client.close();
  });

  it('reaches no device in a conversation with oneself', async () => {
    const notes = await openConversation(cluster, alice.userId, alice.userId);
    expect(await alice.send({ conversationId: notes, content: 'note' })).to.include({ ok: true });
    expect(await type(alice, { conversationId: notes, typing: true })).to.deep.equal({ ok: true });
    await settled();
    expect(all().flatMap((client) => client.typings)).to.deep.equal([]);
  });

  it('is dropped in a conversation of others and in an unknown one, with the same ack', async () => {
    expect(await type(stranger, { conversationId, typing: true })).to.deep.equal({ ok: true });
    expect(await type(stranger, { conversationId: crypto.randomUUID(), typing: true })).to.deep.equal({ ok: true });
    await settled();
    expect(all().flatMap((client) => client.typings)).to.deep.equal([]);
  });

  it('answers bad payloads with a coded error', async () => {
    const bad: unknown[] = [
      undefined,
      null,
      'typing',
      [],
      {},
      { conversationId },
      { typing: true },
      { conversationId, typing: 'yes' },
      { conversationId, typing: 1 },
      { conversationId: 'general', typing: true },
      { conversationId: { toString: 'x' }, typing: true },
    ];
    for (const payload of bad) {
      expect(await type(alice, payload)).to.have.nested.property('error.code', 'VALIDATION_FAILED');
    }
    expect(alice.socket.connected).to.equal(true);
  });
});
