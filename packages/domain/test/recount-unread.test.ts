import { newConversationId, recountUnread } from '@chat-cluster/domain';
import { expect } from 'chai';
import { newUsers } from './world.ts';

describe('recounting unread messages', () => {
  const { alice, bob } = newUsers('alice', 'bob');
  const [one, two] = [newConversationId(), newConversationId()];

  it('counts each user once, whatever the number of badges, and sends the counts', async () => {
    const recounts: unknown[] = [];
    const sent: unknown[] = [];
    const counts = [{ userId: alice, unread: { count: 3 } }];
    const unread = {
      summaries: () => Promise.reject(new Error('unexpected call')),
      async recount(...args: unknown[]) {
        recounts.push(args);
        return counts;
      },
    };
    const fanout = {
      newMessages: () => Promise.reject(new Error('unexpected call')),
      messagesRead: () => Promise.reject(new Error('unexpected call')),
      async unreadCounts(all: unknown) {
        sent.push(all);
      },
    };
    await recountUnread({ unread, fanout }, [
      { userId: alice, conversationId: one },
      { userId: bob, conversationId: one },
      { userId: alice, conversationId: two },
      { userId: alice, conversationId: one },
    ]);
    expect(recounts).to.deep.equal([
      [
        [alice, bob],
        [one, two],
      ],
    ]);
    expect(sent).to.deep.equal([counts]);
  });
});
