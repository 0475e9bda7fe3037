import { expect } from 'chai';
import { newUser } from '../client.ts';
import { eventually } from '../eventually.ts';
import type { Stage } from './stage.ts';

/** That somebody goes offline takes the seconds of the grace; the tests of presence have it. */
export function presenceBehaviours({ device, deviceElsewhere, pair }: Stage): void {
  describe('presence and typing', () => {
    it('tells a watcher who is online on another gateway, and who comes online', async () => {
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
      // A message makes the conversation known to the gateway of its sender.
      expect(await alice.send({ conversationId, content: 'hi' })).to.include({ ok: true });
      await eventually(async () => {
        // Volatile: one that comes while the transport is busy is dropped, and a client repeats it.
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
