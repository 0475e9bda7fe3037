import { newConversationId, recountUnread } from '@chat-cluster/domain';
import { expect } from 'chai';
import { newUsers } from './world.ts';

describe('recounting unread messages', () => {
  const { alice, bob } = newUsers('alice', 'bob');
  const [one, two] = [newConversationId(), newConversationId()];

  it('counts each user once, whatever the number of badges, and tells what was counted', async () => {
    const asked: unknown[] = [];
    const told: unknown[] = [];
    const counts = [{ userId: alice, unread: { count: 3 } }];
    const unread = {
      summaries: () => Promise.reject(new Error('not asked for')),
      async recount(...args: unknown[]) {
        asked.push(args);
        return counts;
      },
    };
    const fanout = {
      newMessages: () => Promise.reject(new Error('not asked for')),
      messagesRead: () => Promise.reject(new Error('not asked for')),
      async unreadCounts(all: unknown) {
        told.push(all);
      },
    };
    await recountUnread({ unread, fanout }, [
      { userId: alice, conversationId: one },
      { userId: bob, conversationId: one },
      { userId: alice, conversationId: two },
      { userId: alice, conversationId: one },
    ]);
    expect(asked).to.deep.equal([
      [
        [alice, bob],
        [one, two],
      ],
    ]);
    expect(told).to.deep.equal([counts]);
  });
});
