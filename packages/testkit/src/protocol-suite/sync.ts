import type { SyncAck, SyncFeed } from '@chat-cluster/contracts';
import { expect } from 'chai';
import { newUser, type TestClient } from '../client.ts';
import { eventually } from '../eventually.ts';
import type { Stage } from './stage.ts';

export function syncBehaviours({ device, deviceElsewhere, pair }: Stage): void {
  describe('sync', () => {
    it('on another gateway returns everything that was missed: messages in pages, read marks, the badge', async () => {
      const { alice, bob, conversationId: id } = await pair();
      for (const content of ['1', '2']) await alice.send({ conversationId: id, content });
      await eventually(() => expect(bob.messages).to.have.length(2));
      await bob.read({ conversationId: id });
      bob.close();
      for (let n = 3; n <= 12; n++) await alice.send({ conversationId: id, content: String(n) });
      const again = await deviceElsewhere(bob.userId, bob);

      const first = await synced(again, { conversations: [{ id, afterSeq: 2 }], limit: 6 });
      expect(seqsOf(first)).to.deep.equal([3, 4, 5, 6, 7, 8]);
      expect(first.conversations[0]).to.include({ id, lastSeq: 12, hasMore: true });
      expect(first.hasMore).to.equal(true);
      expect(first.conversations[0]?.readMarks.map(({ userId, upToSeq }) => [userId, upToSeq])).to.have.deep.members([
        [alice.userId, 0],
        [bob.userId, 2],
      ]);
      expect(first.unread).to.deep.equal({ count: 10, conversations: [{ conversationId: id, count: 10 }] });

      const rest = await synced(again, { conversations: [{ id, afterSeq: 8 }], limit: 6 });
      expect(seqsOf(rest)).to.deep.equal([9, 10, 11, 12]);
      expect(rest.conversations[0]?.messages).to.deep.equal(alice.messages.slice(8));
      expect(rest.hasMore).to.equal(false);
    });

    it('leaves no gap between its ack and the events', async () => {
      const { alice, bob, conversationId: id } = await pair();
      const sending = Promise.all(
        Array.from({ length: 100 }, (_, i) => alice.send({ conversationId: id, content: String(i) })),
      );
      const late = await deviceElsewhere(bob.userId, bob);
      const answer = await synced(late, { conversations: [{ id, afterSeq: 0 }] });
      await sending;
      await eventually(() => {
        const held = new Set([...seqsOf(answer), ...late.messages.map(({ seq }) => seq)]);
        expect(held.size).to.equal(100);
        expect(late.badges.at(-1)?.count).to.equal(100);
      });
    });

    it('returns notFound to a user who is not a participant', async () => {
      const { alice, conversationId: id } = await pair();
      await alice.send({ conversationId: id, content: 'secret' });
      const eve = await device(newUser('eve'));
      expect(await synced(eve, { conversations: [{ id, afterSeq: 0 }] })).to.deep.equal({
        ok: true,
        epoch: eve.session.epoch,
        conversations: [],
        notFound: [id],
        hasMore: false,
        unread: { count: 0, conversations: [] },
      });
    });
  });

  describe('the feed of sync', () => {
    it('has a conversation that was opened, written to and read on other devices', async () => {
      const carol = await device(newUser('carol'));
      const { since } = await fed(carol, 'now');
      carol.close();
      const { alice: elsewhere, bob, conversationId: id } = await pair(carol.userId);
      await bob.send({ conversationId: id, content: 'hi' });
      await elsewhere.read({ conversationId: id });

      const again = await deviceElsewhere(carol.userId, carol);
      const feed = await fed(again, since);
      expect(feed).to.deep.include({ hasMore: false });
      expect(feed.conversations).to.have.length(1);
      const [entry] = feed.conversations;
      expect(entry).to.deep.include({ id, otherUserId: bob.userId, unreadCount: 0, lastSeq: 1 });
      expect(entry?.lastMessage).to.deep.include({ seq: 1, content: 'hi', isRead: true });
      expect(entry?.readMarks.map(({ userId, upToSeq }) => [userId, upToSeq])).to.have.deep.members([
        [carol.userId, 1],
        [bob.userId, 0],
      ]);
      expect((await fed(bob, since)).conversations.map((one) => [one.id, one.otherUserId])).to.deep.equal([
        [id, carol.userId],
      ]);
    });

    it('begins with no conversations, and never has those of other users', async () => {
      const { alice, conversationId: id } = await pair();
      await alice.send({ conversationId: id, content: 'secret' });
      const eve = await device(newUser('eve'));
      const first = await fed(eve, 'now');
      expect(first).to.deep.equal({ conversations: [], since: first.since, hasMore: false });
      expect(await fed(eve, first.since)).to.deep.include({ conversations: [], hasMore: false });
    });

    it('comes beside the messages of the named conversations, and only with since', async () => {
      const { alice, conversationId: id } = await pair();
      await alice.send({ conversationId: id, content: 'hi' });
      const conversations = [{ id, afterSeq: 0 }];
      const without = await synced(alice, { conversations });
      expect(Object.keys(without).sort()).to.deep.equal(SYNC_ACK);
      const { feed, ...others } = await synced(alice, { conversations, since: 'now' });
      expect(others).to.deep.equal(without);
      expect(feed).to.have.keys('conversations', 'since', 'hasMore');
    });

    it('is refused for a since that no feed returned', async () => {
      const { alice } = await pair();
      for (const since of ['yesterday', '', 'x'.repeat(201), 7, null]) {
        const ack = await alice.socket.timeout(10_000).emitWithAck('sync', { conversations: [], since } as never);
        expect(ack).to.deep.nested.include({ ok: false, 'error.code': 'VALIDATION_FAILED', 'error.retryable': false });
        expect(ack)
          .to.have.nested.property('error.message')
          .that.matches(/^since: /);
      }
    });
  });
}

/** The fields of an ack without a feed, which clients of any version receive. */
const SYNC_ACK = ['conversations', 'epoch', 'hasMore', 'notFound', 'ok', 'unread'];

async function fed(client: TestClient, since: string): Promise<SyncFeed> {
  const { feed } = await synced(client, { conversations: [], since });
  if (!feed) throw new Error('the ack has no feed');
  return feed;
}

async function synced(client: TestClient, payload: unknown): Promise<SyncAck> {
  const ack = await client.socket.timeout(10_000).emitWithAck('sync', payload as never);
  if (!ack.ok) throw new Error(JSON.stringify(ack));
  return ack;
}

function seqsOf({ conversations }: SyncAck): number[] {
  return conversations.flatMap(({ messages }) => messages.map(({ seq }) => seq));
}
