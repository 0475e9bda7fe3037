import type { ConversationId, UserId } from '@chat-cluster/contracts';
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

  it('counts many users in parts, so that no statement takes too long', async () => {
    const recounted: [users: number, conversations: number][] = [];
    const unread = {
      summaries: () => Promise.reject(new Error('unexpected call')),
      async recount(userIds: readonly UserId[], conversationIds: readonly ConversationId[]) {
        recounted.push([userIds.length, conversationIds.length]);
        return userIds.map((userId) => ({ userId, unread: { count: 1 } }));
      },
    };
    const sent = new Set<UserId>();
    const fanout = {
      newMessages: () => Promise.reject(new Error('unexpected call')),
      messagesRead: () => Promise.reject(new Error('unexpected call')),
      async unreadCounts(counts: readonly { userId: UserId }[]) {
        for (const { userId } of counts) sent.add(userId);
      },
    };
    const badges = Array.from({ length: 2_500 }, (_, i) => ({
      userId: `user-${i}` as UserId,
      conversationId: i < 2_000 ? one : two,
    }));
    await recountUnread({ unread, fanout }, badges);
    expect(recounted).to.deep.equal([
      [1_000, 1],
      [1_000, 1],
      [500, 1],
    ]);
    expect(sent.size).to.equal(badges.length);
  });
});
