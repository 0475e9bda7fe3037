import type { ConversationId, UserId } from '@chat-cluster/contracts';
import { newConversationId, type Participants, typingRecipient } from '@chat-cluster/domain';
import { expect } from 'chai';

const [alice, bob] = ['alice', 'bob'] as [UserId, UserId];

describe('typing', () => {
  const id = newConversationId();
  const hearer = (userIds: Participants['userIds'] | undefined, userId: UserId) =>
    typingRecipient(
      {
        known: async (asked: ConversationId) => (asked === id && userIds ? { conversationId: id, userIds } : undefined),
      },
      id,
      userId,
    );

  it('is heard by the other participant', async () => {
    expect(await hearer([alice, bob], alice)).to.equal(bob);
    expect(await hearer([alice, bob], bob)).to.equal(alice);
  });

  it('is heard by nobody in a talk with oneself, or in a conversation that is not known', async () => {
    expect(await hearer([alice], alice)).to.equal(undefined);
    expect(await hearer(undefined, alice)).to.equal(undefined);
  });

  it('is refused in a conversation of others', async () => {
    const error = await hearer([alice, bob], 'mallory' as UserId).catch((thrown: unknown) => thrown);
    expect(error).to.have.nested.property('payload.code', 'CONVERSATION_NOT_FOUND');
  });
});
