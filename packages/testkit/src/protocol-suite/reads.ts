import { expect } from 'chai';
import type { TestClient } from '../client.ts';
import { eventually } from '../eventually.ts';
import type { Stage } from './stage.ts';

export function readBehaviours({ deviceElsewhere, device, pair }: Stage): void {
  describe('badges and read marks', () => {
    it('count up on all devices of the receiver, and on none of the sender', async () => {
      const { alice, bob, conversationId } = await pair();
      const bob2 = await deviceElsewhere(bob.userId, bob);
      for (const content of ['1', '2', '3']) await alice.send({ conversationId, content });
      await eventually(() => {
        for (const client of [bob, bob2]) {
          expect(client.badges.at(-1)).to.deep.equal({ count: 3, conversations: [{ conversationId, count: 3 }] });
        }
      });
      expect(alice.badges).to.deep.equal([{ count: 0 }]);
    });

    it('change on all devices of the reader, and both users receive the read mark', async () => {
      const { alice, bob, conversationId } = await pair();
      const bob2 = await deviceElsewhere(bob.userId, bob);
      for (const content of ['1', '2', '3']) await alice.send({ conversationId, content });
      expect(await bob.read({ conversationId, upToSeq: 2 })).to.deep.equal({
        ok: true,
        conversationId,
        upToSeq: 2,
        unread: { count: 1 },
      });
      await eventually(() => {
        expect([bob, bob2].map(badgeOf)).to.deep.equal([1, 1]);
        for (const client of [alice, bob, bob2]) {
          expect(client.receipts.at(-1)).to.include({ conversationId, userId: bob.userId, upToSeq: 2 });
        }
      });
      expect(await bob2.read({ conversationId })).to.deep.include({ upToSeq: 3, unread: { count: 0 } });
      await eventually(() => expect([bob, bob2].map(badgeOf)).to.deep.equal([0, 0]));
    });

    it('need no ack, as in the base protocol', async () => {
      const { alice, bob, conversationId } = await pair();
      await alice.send({ conversationId, content: 'hi' });
      await eventually(() => expect(badgeOf(bob)).to.equal(1));
      bob.socket.emit('read_messages', { conversationId } as never);
      await eventually(() => expect(badgeOf(bob)).to.equal(0));
    });

    it('are sent again on connect', async () => {
      const { alice, bob, conversationId } = await pair();
      bob.close();
      for (const content of ['1', '2']) await alice.send({ conversationId, content });
      expect((await device(bob.userId)).badges[0]).to.deep.include({ count: 2 });
    });
  });
}

function badgeOf({ badges }: TestClient): number | undefined {
  return badges.at(-1)?.count;
}
