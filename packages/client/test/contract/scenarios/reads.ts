import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { numbered, sendAll, shown, type World } from '../world.ts';

export function readScenarios(world: World): void {
  describe('badges and read marks', () => {
    it('are the same on all devices of a user, and equal to the counts of the conversations', async () => {
      const { alice, bob, toBob, toAlice } = await world.pair();
      const bob2 = await world.liveElsewhere(bob.userId, bob);
      const carol = await world.live(world.user('carol'));
      await sendAll(toBob, numbered(1, 3));
      await sendAll(await carol.chat.direct(bob.userId), ['from carol']);
      const counts = () =>
        [bob, bob2].map(({ chat }) =>
          chat.conversations
            .get()
            .map(({ unreadCount }) => unreadCount)
            .sort(),
        );
      await eventually(() => {
        expect([bob.chat.badge, bob2.chat.badge]).to.deep.equal([4, 4]);
        expect(counts()).to.deep.equal([
          [1, 3],
          [1, 3],
        ]);
      });
      toAlice.read();
      await eventually(() => {
        expect([bob.chat.badge, bob2.chat.badge]).to.deep.equal([1, 1]);
        expect(counts()).to.deep.equal([
          [0, 1],
          [0, 1],
        ]);
      });
      expect(alice.chat.badge).to.equal(0);
    });

    it('show the sender what was read', async () => {
      const { alice, bob, toBob, toAlice } = await world.pair();
      const marks: number[] = [];
      alice.chat.on('read', ({ userId, upToSeq }) => userId === bob.userId && marks.push(upToSeq));
      await sendAll(toBob, ['1', '2']);
      await eventually(() => expect(shown(toAlice)).to.have.length(2));
      toAlice.read();
      await eventually(() => {
        expect(toBob.messages.get().messages.map(({ status }) => status)).to.deep.equal(['read', 'read']);
        expect(marks.at(-1)).to.equal(2);
      });
    });

    it('that moved while a device was away are correct after its return', async () => {
      const { alice, bob, toBob, toAlice } = await world.pair();
      await sendAll(toBob, ['1', '2', '3']);
      await eventually(() => expect(shown(toAlice)).to.have.length(3));
      alice.tap.reachable(false);
      toAlice.read();
      await eventually(() => expect(bob.chat.badge).to.equal(0));
      alice.tap.reachable(true);
      await eventually(() => {
        expect(toBob.messages.get().messages.map(({ status }) => status)).to.deep.equal(['read', 'read', 'read']);
      });
    });
  });

  describe('presence and typing', () => {
    it('of a watched contact are reported, and a watch survives a reconnect', async () => {
      const { alice, bob } = await world.pair();
      alice.chat.watch([bob.userId]);
      await eventually(() => expect(alice.chat.presenceOf(bob.userId)).to.include({ online: true }));
      const carolId = world.user('carol');
      await alice.chat.direct(carolId);
      alice.chat.watch([carolId]);
      await eventually(() => expect(alice.chat.presenceOf(carolId)).to.include({ online: false }));
      alice.tap.cut();
      await eventually(() => expect(alice.chat.status.state).to.equal('live'));
      await world.live(carolId);
      await eventually(() => expect(alice.chat.presenceOf(carolId)).to.include({ online: true }));
    });

    it('of the other participant: typing is delivered, and dropped without an error while not connected', async () => {
      const { alice, bob, toBob, toAlice } = await world.pair();
      const typings: boolean[] = [];
      bob.chat.on('typing', ({ conversationId, userId, typing }) => {
        if (conversationId === toAlice.id && userId === alice.userId) typings.push(typing);
      });
      await sendAll(toBob, ['1']);
      await eventually(async () => {
        // The signal may be lost: an application repeats it.
        toBob.typing(false);
        toBob.typing(true);
        await eventually(() => expect(typings).to.include(true), 300);
      });
      alice.tap.reachable(false);
      toBob.typing(true);
      alice.tap.reachable(true);
      await eventually(() => expect(alice.chat.status.state).to.equal('live'));
      expect(alice.errors).to.deep.equal([]);
    });
  });
}
