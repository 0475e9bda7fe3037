import type { ConversationId, UserId } from '@chat-cluster/contracts';
import { newConversationId, type Participants, typingRecipient } from '@chat-cluster/domain';
import { expect } from 'chai';

const [alice, bob] = ['alice', 'bob'] as [UserId, UserId];

describe('typing', () => {
  const id = newConversationId();
  const recipient = (userIds: Participants['userIds'] | undefined, userId: UserId) =>
    typingRecipient(
      {
        known: async (wanted: ConversationId, user: UserId) =>
          wanted === id && userIds?.some((one) => one === user) ? { conversationId: id, userIds } : undefined,
      },
      id,
      userId,
    );

  it('notifies the other participant', async () => {
    expect(await recipient([alice, bob], alice)).to.equal(bob);
    expect(await recipient([alice, bob], bob)).to.equal(alice);
  });

  it('notifies no user in a conversation with oneself, or in one that is not known', async () => {
    expect(await recipient([alice], alice)).to.equal(undefined);
    expect(await recipient(undefined, alice)).to.equal(undefined);
  });

  it('notifies no user in a conversation of other users', async () => {
    expect(await recipient([alice, bob], 'mallory' as UserId)).to.equal(undefined);
  });
});
