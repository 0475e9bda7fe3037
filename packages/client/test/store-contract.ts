import type { ClientMessageId, ConversationId, StoreEpoch, UserId } from '@chat-cluster/contracts';
import { expect } from 'chai';
import type { ChatStore, ConversationSnapshot, StoredOutgoing } from '../src/types.ts';

/** What a client relies on, for every store. `open`: another store on the same data, as after a reload. */
export function storeContract(name: string, open: () => ChatStore): void {
  describe(`${name} as a store`, () => {
    it('has nothing of a key that was never written', async () => {
      expect(await open().load('nothing')).to.equal(undefined);
    });

    it('keeps a change, also for the next store', async () => {
      const change = {
        epoch: EPOCH,
        since: 's1',
        badge: 3,
        conversations: [conversation('c1')],
        outbox: [outgoing('m1', 1)],
      };
      await open().write('kept', change);
      expect(await open().load('kept')).to.deep.equal({ version: 1, ...change });
    });

    it('leaves what a change does not mention, and replaces the same ids', async () => {
      const store = open();
      await store.write('merge', { epoch: EPOCH, badge: 3, conversations: [conversation('c1'), conversation('c2')] });
      await store.write('merge', { badge: 0, conversations: [conversation('c2', 9)] });
      const loaded = await store.load('merge');
      expect(loaded).to.include({ epoch: EPOCH, badge: 0 });
      expect(loaded?.conversations).to.have.deep.members([conversation('c1'), conversation('c2', 9)]);
    });

    it('removes sent messages, and returns the others in their order', async () => {
      const store = open();
      await store.write('outbox', { outbox: [outgoing('b', 3), outgoing('a', 4), outgoing('c', 2), outgoing('d', 1)] });
      await store.write('outbox', { removed: ['c' as ClientMessageId, 'unknown' as ClientMessageId] });
      const orders = (await store.load('outbox'))?.outbox.map(({ order }) => order);
      expect(orders).to.deep.equal([1, 3, 4]);
    });

    it('forgets conversations, also unknown ones', async () => {
      const store = open();
      await store.write('forget', { since: 's1', conversations: [conversation('c1'), conversation('c2')] });
      await store.write('forget', { forgotten: ['c1', 'unknown'] as ConversationId[] });
      expect(await store.load('forget')).to.deep.equal({
        version: 1,
        since: 's1',
        conversations: [conversation('c2')],
        outbox: [],
      });
    });

    it('discards the history before a change, and keeps the outbox', async () => {
      const store = open();
      const before = {
        epoch: EPOCH,
        since: 's1',
        badge: 3,
        conversations: [conversation('c1')],
        outbox: [outgoing('m', 1)],
      };
      await store.write('discard', before);
      await store.write('discard', {
        discard: true,
        epoch: 'other' as StoreEpoch,
        conversations: [conversation('c2')],
      });
      expect(await store.load('discard')).to.deep.equal({
        version: 1,
        epoch: 'other',
        conversations: [conversation('c2')],
        outbox: [outgoing('m', 1)],
      });
    });

    it('keeps keys apart, and deletes one', async () => {
      const store = open();
      const keys = ['https://a|bob', 'https://a|bob2', 'https://a|"bob', 'https://a|bob\u{10ffff}'];
      for (const [badge, key] of keys.entries()) {
        await store.write(key, { badge, conversations: [conversation(`of ${key}`)], outbox: [outgoing('m', badge)] });
      }
      await store.delete('https://a|bob');
      expect(await store.load('https://a|bob')).to.equal(undefined);
      for (const [badge, key] of [...keys.entries()].slice(1)) {
        expect(await store.load(key)).to.deep.equal({
          version: 1,
          badge,
          conversations: [conversation(`of ${key}`)],
          outbox: [outgoing('m', badge)],
        });
      }
    });

    it('takes calls in their order, also while earlier ones are under way', async () => {
      const store = open();
      const removed = ['a' as ClientMessageId];
      const calls: Promise<unknown>[] = [
        store.write('order', { badge: 1, outbox: [outgoing('a', 1), outgoing('b', 2)] }),
        store.write('order', { outbox: [outgoing('c', 3)] }),
        store.write('order', { badge: 2, removed, conversations: [conversation('c1')] }),
        store.write('order', { outbox: [outgoing('a', 4)] }),
        store.write('other', { badge: 9 }),
      ];
      const loaded = await store.load('order');
      const order = loaded?.outbox.map(({ clientMessageId }) => clientMessageId);
      expect([order, loaded?.badge, loaded?.conversations]).to.deep.equal([['b', 'c', 'a'], 2, [conversation('c1')]]);
      calls.push(store.delete('order'), store.write('order', { outbox: [outgoing('d', 5)] }));
      await Promise.all(calls);
      const kept = { version: 1, conversations: [], outbox: [outgoing('d', 5)] };
      expect(await store.load('order')).to.deep.equal(kept);
      expect((await store.load('other'))?.badge).to.equal(9);
    });

    it('does not change with a list that it has returned', async () => {
      const store = open();
      await store.write('copy', { outbox: [outgoing('m', 1)] });
      (await store.load('copy'))?.outbox.pop();
      expect((await store.load('copy'))?.outbox).to.deep.equal([outgoing('m', 1)]);
    });
  });
}

const EPOCH = 'epoch' as StoreEpoch;

function conversation(id: string, lastSeq = 1): ConversationSnapshot {
  return {
    id: id as ConversationId,
    otherUserId: 'bob' as UserId,
    lastMessage: null,
    lastSeq,
    unreadCount: 0,
    readMarks: {},
    updatedAt: 5,
  };
}

function outgoing(id: string, order: number): StoredOutgoing {
  return {
    clientMessageId: id as ClientMessageId,
    conversationId: 'c1' as ConversationId,
    content: 'Hello',
    attachments: [],
    sentAt: 7,
    order,
  };
}
