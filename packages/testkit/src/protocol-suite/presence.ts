import { expect } from 'chai';
import { newUser, openConversation } from '../client.ts';
import { eventually } from '../eventually.ts';
import type { Stage } from './stage.ts';

/** Going offline is tested in the presence tests, because it takes the seconds of the grace period. */
export function presenceBehaviours({ target, device, deviceElsewhere, pair }: Stage): void {
  describe('presence and typing', () => {
    it('notifies a watcher of users who are or come online on another gateway', async () => {
      const [there, notYet] = [newUser('there'), newUser('late')];
      const watcher = await device(newUser('watcher'));
      for (const contact of [there, notYet]) await openConversation(target(), watcher.userId, contact);
      await deviceElsewhere(there, watcher);
      const watch = (userIds: string[]) =>
        watcher.socket.timeout(10_000).emitWithAck('watch_presence', { userIds } as never);
      await eventually(async () =>
        expect(await watch([there, notYet])).to.deep.include({
          ok: true,
          presence: [
            { userId: there, online: true },
            { userId: notYet, online: false },
          ],
        }),
      );
      await deviceElsewhere(notYet, watcher);
      await eventually(() => expect(watcher.presence).to.deep.include({ userId: notYet, online: true }));
    });

    it('shows a user without a common conversation as offline, until a conversation is opened', async () => {
      const watcher = await device(newUser('watcher'));
      const stranger = await deviceElsewhere(newUser('stranger'), watcher);
      const watch = async () => {
        const userIds = [stranger.userId, watcher.userId] as never;
        const ack = await watcher.socket.timeout(10_000).emitWithAck('watch_presence', { userIds });
        if (!ack.ok) throw new Error(JSON.stringify(ack));
        return ack.presence;
      };
      await eventually(async () => expect((await watch())[1]).to.deep.include({ online: true }));
      expect((await watch())[0]).to.deep.equal({ userId: stranger.userId, online: false });
      await openConversation(target(), stranger.userId, watcher.userId);
      await eventually(async () => expect((await watch())[0]).to.deep.include({ online: true }));
      expect(watcher.presence.every(({ online }) => online)).to.equal(true);
    });

    it('relays typing to the other participant', async () => {
      const { alice, bob, conversationId } = await pair();
      // After a message the sender's gateway has the conversation in its memory.
      expect(await alice.send({ conversationId, content: 'hi' })).to.include({ ok: true });
      await eventually(async () => {
        // Volatile: an event is dropped while the transport is busy, and clients repeat it.
        await alice.socket.timeout(10_000).emitWithAck('typing', { conversationId, typing: false } as never);
        await alice.socket.timeout(10_000).emitWithAck('typing', { conversationId, typing: true } as never);
        await eventually(
          () => expect(bob.typings).to.deep.include({ conversationId, userId: alice.userId, typing: true }),
          300,
        );
      });
      expect(alice.typings).to.deep.equal([]);
    });
  });
}
