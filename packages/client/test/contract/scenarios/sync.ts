import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { isLive, isLoaded, numbered, sendAll, shown, textsOf, type World } from '../world.ts';

/** More than one request of `sync` may name. */
const MANY = 102;

export function syncScenarios(world: World): void {
  describe('after a reconnect', () => {
    it('the client has everything that it missed, in order and once', async () => {
      const { bob, toBob, toAlice } = await world.pair();
      await sendAll(toBob, ['1']);
      await eventually(() => expect(shown(toAlice)).to.deep.equal(['1']));
      bob.tap.reachable(false);
      await sendAll(toBob, numbered(2, 30));
      bob.tap.reachable(true);
      await eventually(() => expect(shown(toAlice)).to.deep.equal(numbered(1, 30)));
      await isLive(bob);
      expect(textsOf(bob, toBob)).to.deep.equal(numbered(1, 30));
      expect(bob.discontinuities).to.deep.equal([]);
    });

    it('a connection that breaks in the network is replaced, and nothing is lost', async () => {
      const { alice, bob, toBob, toAlice } = await world.pair();
      const sent = numbered(1, 10).map((text) => toBob.send(text));
      world.stage.breakConnections();
      sent.push(...numbered(11, 20).map((text) => toBob.send(text)));
      await Promise.all(sent.map(({ stored }) => stored));
      await eventually(() => {
        for (const conversation of [toBob, toAlice]) expect(shown(conversation)).to.deep.equal(numbered(1, 20));
      });
      for (const device of [alice, bob]) {
        expect(textsOf(device, toBob)).to.deep.equal(numbered(1, 20));
        expect(device.tap.sockets.most, 'sockets at one time').to.equal(1);
      }
    });

    it('a client with more conversations than a request may name catches up on all of them', async () => {
      const alice = await world.live(world.user('alice'));
      const other = await world.live(alice.userId);
      const conversations = [];
      for (const name of numbered(1, MANY)) conversations.push(await other.chat.direct(world.user(name)));
      await Promise.all(conversations.map((conversation) => sendAll(conversation, ['before'])));
      await eventually(() => expect(alice.received).to.have.length(MANY));
      alice.tap.reachable(false);
      await Promise.all(conversations.map((conversation) => sendAll(conversation, ['after'])));
      alice.tap.reachable(true);
      await eventually(() => expect(alice.received).to.have.length(2 * MANY));
      await isLive(alice);
      for (const conversation of conversations) expect(textsOf(alice, conversation)).to.deep.equal(['before', 'after']);
      expect(alice.chat.conversations.get().length).to.be.at.least(MANY);
    });

    it('a long backlog is a hole that can be loaded, and the application learns of it', async () => {
      const alice = await world.live(world.user('alice'));
      const bob = await world.live(world.user('bob'), { maxBacklog: 55 });
      const toBob = await alice.chat.direct(bob.userId);
      const toAlice = await bob.chat.direct(alice.userId);
      await isLoaded(toAlice);
      await sendAll(toBob, numbered(1, 5));
      await eventually(() => expect(shown(toAlice)).to.deep.equal(numbered(1, 5)));
      bob.tap.reachable(false);
      await sendAll(toBob, numbered(6, 70));
      bob.tap.reachable(true);
      await eventually(() => expect(shown(toAlice).at(-1)).to.equal('70'));
      await isLive(bob);
      expect(bob.discontinuities).to.deep.equal([{ reason: 'backlog', conversationId: toAlice.id }]);
      const [hole, ...others] = toAlice.messages.get().holes;
      expect([hole?.fromSeq, others]).to.deep.equal([6, []]);
      while (toAlice.messages.get().holes[0]) await toAlice.loadHole(toAlice.messages.get().holes[0] as never);
      expect(shown(toAlice)).to.deep.equal(numbered(1, 70));
    });

    it('older messages are loaded page by page', async () => {
      const { alice, bob, toBob } = await world.pair();
      await sendAll(toBob, numbered(1, 70));
      const again = await world.live(alice.userId);
      const reopened = await again.chat.direct(bob.userId);
      await eventually(() => expect(shown(reopened).at(-1)).to.equal('70'));
      while (reopened.messages.get().hasOlder) await reopened.loadOlder(10);
      expect(shown(reopened)).to.deep.equal(numbered(1, 70));
      expect(reopened.messages.get().holes).to.deep.equal([]);
    });

    it('a conversation that was opened and read elsewhere appears', async () => {
      const alice = await world.live(world.user('alice'));
      const other = await world.live(alice.userId);
      const carol = await world.live(world.user('carol'));
      alice.tap.reachable(false);
      const toAlice = await carol.chat.direct(alice.userId);
      await sendAll(toAlice, ['Hello!']);
      const elsewhere = other.chat.conversation(toAlice.id);
      await eventually(() => expect(shown(elsewhere)).to.deep.equal(['Hello!']));
      elsewhere.read();
      await eventually(() => expect(other.chat.badge).to.equal(0));
      alice.tap.reachable(true);
      await eventually(() => {
        const found = alice.chat.conversations.get().find(({ id }) => id === toAlice.id);
        expect(found).to.deep.include({ otherUserId: carol.userId, unreadCount: 0, lastSeq: 1 });
        expect(found?.lastMessage?.content).to.equal('Hello!');
        expect(found?.readMarks[alice.userId as never]).to.equal(1);
      });
    });

    it('a history that was restored to an earlier state is discarded and loaded anew', async () => {
      const { alice, bob, toBob, toAlice } = await world.pair();
      await sendAll(toBob, numbered(1, 3));
      await eventually(() => expect(shown(toAlice)).to.deep.equal(numbered(1, 3)));
      const restore = await world.stage.backup(toBob.id);
      await sendAll(toBob, ['lost 4', 'lost 5']);
      await eventually(() => expect(shown(toAlice)).to.have.length(5));
      await restore();
      await eventually(() => {
        for (const device of [alice, bob]) expect(device.discontinuities).to.deep.include({ reason: 'epoch' });
        for (const conversation of [toBob, toAlice]) expect(shown(conversation)).to.deep.equal(numbered(1, 3));
      });
      await sendAll(toAlice, ['new 4']);
      await eventually(() => {
        for (const conversation of [toBob, toAlice])
          expect(shown(conversation)).to.deep.equal(['1', '2', '3', 'new 4']);
        expect(alice.chat.badge).to.equal(1);
        expect(bob.chat.badge).to.equal(3);
      });
    });
  });
}
