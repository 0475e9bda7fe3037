import type { ConversationId, UserId } from '@chat-cluster/contracts';
import { newConversationId, type Participants, typingRecipients } from '@chat-cluster/domain';
import { expect } from 'chai';

const [alice, bob] = ['alice', 'bob'] as [UserId, UserId];

describe('typing', () => {
  const id = newConversationId();
  const recipient = (userIds: Participants['userIds'] | undefined, userId: UserId) =>
    typingRecipients(
      {
        known: async (wanted: ConversationId, user: UserId) =>
          wanted === id && userIds?.some((one) => one === user) ? userIds : undefined,
      },
      id,
      userId,
    );

  it('notifies the other participant', async () => {
    expect(await recipient([alice, bob], alice)).to.deep.equal([bob]);
    expect(await recipient([alice, bob], bob)).to.deep.equal([alice]);
  });

  it('notifies no user in a conversation with oneself, or in one that is not known', async () => {
    expect(await recipient([alice], alice)).to.deep.equal([]);
    expect(await recipient(undefined, alice)).to.deep.equal([]);
  });

  it('notifies no user in a conversation of other users', async () => {
    expect(await recipient([alice, bob], 'mallory' as UserId)).to.deep.equal([]);
  });
});
