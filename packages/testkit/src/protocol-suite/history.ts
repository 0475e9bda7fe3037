import type { ConversationsPage, HistoryPage } from '@chat-cluster/contracts';
import { expect } from 'chai';
import { api, newUser, openConversation } from '../client.ts';
import { eventually } from '../eventually.ts';
import type { Stage } from './stage.ts';

export function historyBehaviours({ target, device, pair }: Stage): void {
  const history = async (user: string, other: string, query = '') =>
    (await api<HistoryPage>(target(), user, 'GET', `/api/messages/with/${encodeURIComponent(other)}${query}`)).body;
  const list = async (user: string, query = '') =>
    (await api<ConversationsPage>(target(), user, 'GET', `/api/messages/conversations${query}`)).body;

  describe('history over HTTP', () => {
    it('is paged in both directions', async () => {
      const { alice, bob, conversationId } = await pair();
      await Promise.all(Array.from({ length: 60 }, (_, i) => alice.send({ conversationId, content: String(i + 1) })));
      await eventually(() => expect(alice.messages).to.have.length(60));
      const page = (query: string) => history(bob.userId, alice.userId, query);

      const newest = await page('?limit=40');
      expect(newest.messages).to.deep.equal(alice.messages.slice(20).reverse());
      const oldest = await page(`?limit=40&before=${newest.nextCursor}`);
      expect(seqsOf(oldest)).to.deep.equal(range(1, 20).reverse());
      expect(oldest.nextCursor).to.equal(null);

      const forward = await page('?after=35&limit=20');
      expect(seqsOf(forward)).to.deep.equal(range(36, 55));
      const end = await page(`?after=${forward.nextCursor}&limit=20`);
      expect(seqsOf(end)).to.deep.equal(range(56, 60));
      expect(end.nextCursor).to.equal(null);
    });

    it('shows which messages are read, and marks them as read on request', async () => {
      const { alice, bob, conversationId } = await pair();
      for (const content of ['1', '2', '3']) await alice.send({ conversationId, content });
      await bob.read({ conversationId, upToSeq: 2 });
      const read = async () => (await history(alice.userId, bob.userId)).messages.map(({ isRead }) => isRead);
      expect(await read()).to.deep.equal([false, true, true]);
      expect((await list(bob.userId)).conversations[0]).to.include({
        id: conversationId,
        otherUserId: alice.userId,
        unreadCount: 1,
        lastSeq: 3,
      });
      await history(bob.userId, alice.userId, '?markAsRead=true');
      expect(await read()).to.deep.equal([true, true, true]);
      await eventually(() => {
        expect(alice.receipts.at(-1)).to.include({ userId: bob.userId, upToSeq: 3 });
        expect(bob.badges.at(-1)?.count).to.equal(0);
      });
    });

    it('lists conversations by newest activity, page by page', async () => {
      const me = await device(newUser('me'));
      const others = ['x', 'y', 'z'].map(newUser);
      for (const other of [...others].reverse()) {
        const conversationId = await openConversation(target(), me.userId, other);
        await me.send({ conversationId, content: `to ${other}` });
      }
      const first = await list(me.userId, '?limit=2');
      const rest = await list(me.userId, `?limit=2&cursor=${first.nextCursor}`);
      const listed = [...first.conversations, ...rest.conversations];
      expect(listed.map(({ otherUserId }) => otherUserId)).to.deep.equal(others);
      expect(listed.map(({ lastMessage }) => lastMessage?.content)).to.deep.equal(others.map((one) => `to ${one}`));
      expect(rest.nextCursor).to.equal(null);
    });

    it('is empty for users who are not participants', async () => {
      const { alice, bob } = await pair();
      expect(await history(newUser('eve'), alice.userId)).to.deep.equal({
        epoch: alice.session.epoch,
        conversationId: null,
        messages: [],
        nextCursor: null,
      });
      expect((await history(alice.userId, bob.userId)).conversationId).to.be.a('string');
    });
  });
}

function seqsOf({ messages }: HistoryPage): number[] {
  return messages.map(({ seq }) => seq);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
