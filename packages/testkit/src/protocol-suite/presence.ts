import { expect } from 'chai';
import { newUser } from '../client.ts';
import { eventually } from '../eventually.ts';
import type { Stage } from './stage.ts';

/** Going offline is tested in the presence tests, because it takes the seconds of the grace period. */
export function presenceBehaviours({ device, deviceElsewhere, pair }: Stage): void {
  describe('presence and typing', () => {
    it('notifies a watcher of users who are or come online on another gateway', async () => {
      const [there, notYet] = [newUser('there'), newUser('late')];
      const watcher = await device(newUser('watcher'));
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
