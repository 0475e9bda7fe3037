import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { isLive, numbered, sendAll, shown, textsOf, type World } from '../world.ts';

export function messageScenarios(world: World): void {
  describe('messages', () => {
    it('are exchanged by two users on two gateways, in one order', async () => {
      const { alice, bob, toBob, toAlice } = await world.pair();
      await sendAll(toBob, ['1', '2']);
      await sendAll(toAlice, ['3']);
      await sendAll(toBob, ['4']);
      await eventually(() => {
        for (const device of [alice, bob]) expect(textsOf(device, toBob)).to.deep.equal(numbered(1, 4));
        for (const conversation of [toBob, toAlice]) expect(shown(conversation)).to.deep.equal(numbered(1, 4));
      });
      expect(bob.received.map(({ seq }) => seq)).to.deep.equal([1, 2, 3, 4]);
      expect(toBob.messages.get()).to.deep.include({ holes: [], hasOlder: false });
    });

    it('are shown at once, and have their status at each step', async () => {
      const { alice, toBob } = await world.pair();
      const release = alice.tap.hold('ack:send_message');
      const releaseEvent = alice.tap.hold('new_message');
      const sent = toBob.send('Hello!');
      expect(shown(toBob)).to.deep.equal(['Hello!']);
      await eventually(() => expect(sent.status).to.equal('sending'));
      release();
      expect(await sent.stored).to.include({ content: 'Hello!', seq: 1, clientMessageId: sent.clientMessageId });
      expect(sent.status).to.equal('stored');
      releaseEvent();
      expect(toBob.messages.get().messages.map(({ status }) => status)).to.deep.equal(['stored']);
    });

    it('that are sent again after a lost ack are stored and shown once', async () => {
      const { alice, bob, toBob, toAlice } = await world.pair();
      alice.tap.lose('ack:send_message');
      alice.tap.lose('new_message');
      const sent = toBob.send('once');
      await eventually(() => expect(shown(toAlice)).to.deep.equal(['once']));
      alice.tap.cut();
      await sent.stored;
      await sendAll(toBob, ['next']);
      await eventually(() => {
        for (const device of [alice, bob]) expect(textsOf(device, toBob)).to.deep.equal(['once', 'next']);
        expect(shown(toBob)).to.deep.equal(['once', 'next']);
      });
    });

    it('arrive once and in order, whatever overtakes what: events, acks and sync', async () => {
      const { alice, bob, toBob, toAlice } = await world.pair();
      for (const order of [
        ['new_message', 'ack:send_message', 'ack:sync'],
        ['ack:sync', 'ack:send_message', 'new_message'],
      ]) {
        alice.received.length = 0;
        const from = shown(toBob).length;
        const releases = order.map((delivery) => alice.tap.hold(delivery));
        alice.tap.cut();
        const sent = ['a', 'b'].map((text) => toBob.send(text));
        await sendAll(toAlice, ['c', 'd']);
        await eventually(() =>
          expect(alice.tap.calls.filter(({ event, ack }) => event === 'sync' && ack).length).to.be.above(0),
        );
        for (const release of releases) release();
        await isLive(alice);
        await Promise.all(sent.map(({ stored }) => stored));
        await eventually(() => {
          expect(shown(toAlice).length).to.equal(from + 4);
          expect(shown(toBob)).to.deep.equal(shown(toAlice));
        });
        expect(alice.received.map(({ seq }) => seq)).to.deep.equal(numbered(from + 1, from + 4).map(Number));
        expect(
          alice.received.filter(({ senderId }) => senderId === alice.userId).map(({ content }) => content),
        ).to.deep.equal(['a', 'b']);
      }
      expect(bob.received).to.have.length(8);
    });

    it('that an event has lost arrive with the next event', async () => {
      const { bob, toBob, toAlice } = await world.pair();
      bob.tap.lose('new_message');
      await sendAll(toBob, ['1', '2']);
      await eventually(() => expect(textsOf(bob, toAlice)).to.deep.equal(['1', '2']));
      expect(shown(toAlice)).to.deep.equal(['1', '2']);
    });
  });
}
