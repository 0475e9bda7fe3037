import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { codeOf, opened, sendAll, textsOf, type World } from '../world.ts';

export function settingScenarios(world: World): void {
  describe('settings, blocks and receipts', () => {
    it('of a conversation are those of all devices of the user', async () => {
      const { bob, ofAlice, ofBob } = await world.group();
      const other = await world.memberAgain(bob);
      const ofOther = await opened(other, ofBob.id);
      await ofBob.set({ muted: true });
      await eventually(() => expect(ofOther.info.get()?.settings?.muted).to.equal(true));
      await sendAll(ofAlice, ['quiet']);
      await eventually(() => {
        expect(bob.chat.counts.mutedCount).to.equal(1);
        expect(bob.chat.badge).to.equal(0);
      });
      await ofBob.set({ muted: false });
      await eventually(() => {
        expect(other.chat.badge).to.equal(1);
        expect(other.chat.counts.mutedCount).to.equal(0);
      });
    });

    it('archive a conversation until the next message, and mark one as unread until it is read', async () => {
      const { ofAlice, ofBob } = await world.group();
      expect(await ofBob.set({ archived: true, markedUnread: true })).to.include({
        archived: true,
        markedUnread: true,
      });
      await sendAll(ofAlice, ['news']);
      await eventually(() => expect(ofBob.info.get()?.settings).to.include({ archived: false, markedUnread: true }));
      ofBob.read();
      await eventually(() => expect(ofBob.info.get()?.settings?.markedUnread ?? false).to.equal(false));
    });

    it('mark a conversation as unread that has nothing new, and clear it', async () => {
      const { ofAlice, ofBob } = await world.group();
      await sendAll(ofAlice, ['read']);
      await eventually(() => expect(ofBob.info.get()?.unreadCount).to.equal(1));
      ofBob.read();
      await eventually(() => expect(ofBob.info.get()?.unreadCount).to.equal(0));
      await ofBob.set({ markedUnread: true });
      ofBob.read();
      await eventually(() => expect(ofBob.info.get()?.settings?.markedUnread ?? false).to.equal(false));
    });

    it('block a user: no message in either direction, and the list of blocked users', async () => {
      const alice = await world.member('alice');
      const bob = await world.member('bob');
      const toBob = await alice.chat.direct(bob.userId);
      const toAlice = await bob.chat.direct(alice.userId);
      const elsewhere = await world.memberAgain(bob);
      await elsewhere.chat.blocks.load();
      await bob.chat.blocks.block(alice.userId);
      await eventually(() => expect(elsewhere.chat.blocks.get()).to.deep.equal([alice.userId]));
      await bob.chat.blocks.load();
      expect(bob.chat.blocks.get()).to.deep.equal([alice.userId]);
      // Gateways apply a block within a short time.
      await eventually(async () => expect(await codeOf(toBob.send('Hello?').stored)).to.equal('FORBIDDEN'));
      expect(await codeOf(toAlice.send('No').stored)).to.equal('FORBIDDEN');
      await bob.chat.blocks.unblock(alice.userId);
      expect(bob.chat.blocks.get()).to.deep.equal([]);
      await eventually(() => expect(elsewhere.chat.blocks.get()).to.deep.equal([]));
      await eventually(async () => expect(await codeOf(toBob.send('Hello!').stored)).to.equal(undefined));
      await eventually(() => expect(textsOf(bob, toAlice).at(-1)).to.equal('Hello!'));
    });

    it('report what the devices of the others have, once per second at most', async () => {
      const { bob, carol, ofAlice } = await world.group();
      const stored = await Promise.all(['1', '2', '3'].map((text) => ofAlice.send(text).stored));
      const last = stored.at(-1)?.seq ?? 0;
      await eventually(() =>
        expect([...ofAlice.receipts(last).delivered].sort()).to.deep.equal([bob.userId, carol.userId].sort()),
      );
      expect(bob.tap.calls.filter(({ event }) => event === 'mark_delivered').length).to.be.at.most(2);
    });
  });
}
