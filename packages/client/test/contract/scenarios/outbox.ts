import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import type { ChatStore } from '../../../src/index.ts';
import { memoryStore } from '../../../src/testing/index.ts';
import { isLive, isLoaded, numbered, sendAll, shown, textsOf, type World } from '../world.ts';

export function outboxScenarios(world: World): void {
  describe('the outbox', () => {
    it('keeps what is sent without a connection, and sends it in order', async () => {
      const { alice, bob, toBob } = await world.pair();
      alice.tap.reachable(false);
      const sent = numbered(1, 20).map((text) => toBob.send(text));
      expect(alice.chat.outbox.get()).to.have.length(20);
      expect(shown(toBob)).to.deep.equal(numbered(1, 20));
      alice.tap.reachable(true);
      await Promise.all(sent.map(({ stored }) => stored));
      await eventually(() => expect(textsOf(bob, toBob)).to.deep.equal(numbered(1, 20)));
      await alice.chat.settled();
      expect(alice.chat.outbox.get()).to.deep.equal([]);
    });

    it('sends again in order what the server has refused because of its rate', async () => {
      const alice = await world.live(world.user('alice'));
      const conversations = await Promise.all(numbered(1, 16).map((name) => alice.chat.direct(world.user(name))));
      for (const conversation of conversations) await isLoaded(conversation);
      world.stage.limitSends(alice.userId);
      const texts = numbered(1, 25);
      await Promise.all(conversations.map((conversation) => sendAll(conversation, texts)));
      const codes = alice.tap.calls.map(({ ack }) => ack?.error?.code);
      expect(codes).to.include('RATE_LIMITED');
      await eventually(() => {
        for (const conversation of conversations) expect(shown(conversation)).to.deep.equal(texts);
      });
      for (const conversation of conversations) expect(textsOf(alice, conversation)).to.deep.equal(texts);
      expect(alice.errors).to.deep.equal([]);
    });

    it('survives a crash: another client with the same store sends every message once', async () => {
      const { store, outbox } = watchedStore();
      const { alice, bob, toBob } = await world.pair({ store });
      await sendAll(toBob, ['1']);
      alice.tap.lose('ack:send_message', 100);
      alice.tap.lose('new_message', 100);
      toBob.send('2');
      await eventually(() => expect(textsOf(bob, toBob)).to.deep.equal(['1', '2']));
      alice.tap.reachable(false);
      for (const text of ['3', '4']) toBob.send(text);
      // The store is written after the call.
      await eventually(() => expect(outbox()).to.deep.equal(['2', '3', '4']));
      alice.tap.crash();
      const again = world.device(alice.userId, { store });
      again.chat.connect();
      await again.chat.settled();
      await eventually(() => expect(textsOf(bob, toBob)).to.deep.equal(numbered(1, 4)));
      const reopened = again.chat.conversation(toBob.id);
      await eventually(() => expect(shown(reopened)).to.deep.equal(numbered(1, 4)));
      expect(again.chat.outbox.get()).to.deep.equal([]);
    });

    it('reports a message that the server rejects, and sends those behind it', async () => {
      const { alice, bob, toBob } = await world.pair();
      const foreign = alice.chat.conversation('01926b3a-7c11-7d3e-9f52-0a4c1f6f2b10');
      const refused = foreign.send('nowhere');
      expect(await refused.stored.catch((error: { code: string }) => error.code)).to.equal('CONVERSATION_NOT_FOUND');
      expect([refused.status, refused.error?.code]).to.deep.equal(['failed', 'CONVERSATION_NOT_FOUND']);
      await sendAll(toBob, ['next']);
      await eventually(() => expect(textsOf(bob, toBob)).to.deep.equal(['next']));
      foreign.discard(refused.clientMessageId);
      expect(alice.chat.outbox.get()).to.deep.equal([]);
      await isLive(alice);
    });
  });
}

/** A store that outlives its clients, and the texts of the outbox that it has. */
function watchedStore(): { store: ChatStore; outbox(): (string | null)[] } {
  const inner = memoryStore();
  let outbox: (string | null)[] = [];
  const write: ChatStore['write'] = async (key, change) => {
    await inner.write(key, change);
    const state = await inner.load(key);
    if (change.outbox || change.removed) outbox = state?.outbox.map(({ content }) => content) ?? [];
  };
  return { store: { ...inner, write }, outbox: () => outbox };
}
