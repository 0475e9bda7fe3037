import { type EntryResult, Rejection } from '@chat-cluster/contracts';
import { markRead, newConversationId } from '@chat-cluster/domain';
import { expect } from 'chai';
import { conversation, conversationsAmong, inboxAnswering, rejectionOf } from './ports.ts';
import { newUsers } from './world.ts';

describe('marking as read', () => {
  const { alice, bob, mallory } = newUsers('alice', 'bob', 'mallory');
  const { conversationId, ...pair } = conversation(alice, bob);
  const conversations = conversationsAmong({ conversationId, ...pair });
  const marked: EntryResult = { kind: 'read', upToSeq: 4, unreadCount: 2 };

  it('goes through the inbox of its conversation, like a message', async () => {
    const { inbox, submitted } = inboxAnswering(() => marked);
    await markRead({ conversations, inbox }, bob, { conversationId, upToSeq: 3 });
    await markRead({ conversations, inbox }, bob, { conversationId, upToSeq: 0 });
    await markRead({ conversations, inbox }, alice, { conversationId });
    expect(submitted).to.deep.equal([
      { kind: 'read', conversationId, userId: bob, otherUserId: alice, upToSeq: 3 },
      { kind: 'read', conversationId, userId: bob, otherUserId: alice, upToSeq: 0 },
      { kind: 'read', conversationId, userId: alice, otherUserId: bob, upToSeq: null },
    ]);
  });

  it('acknowledges with the current mark and the total unread count', async () => {
    const { inbox } = inboxAnswering(() => marked);
    const ack = await markRead({ conversations, inbox }, bob, { conversationId, upToSeq: 3 });
    expect(ack).to.deep.equal({ ok: true, conversationId, upToSeq: 4, unread: { count: 2 } });
  });

  it('rejects users outside the conversation, and submits nothing', async () => {
    const { inbox, submitted } = inboxAnswering(() => marked);
    for (const attempt of [
      markRead({ conversations, inbox }, mallory, { conversationId }),
      markRead({ conversations, inbox }, alice, { conversationId: newConversationId() }),
    ]) {
      expect(await rejectionOf(attempt)).to.have.nested.property('payload.code', 'CONVERSATION_NOT_FOUND');
    }
    expect(submitted).to.deep.equal([]);
  });

  it('passes on a rejection of the lane, and treats a result of another kind as a fault', async () => {
    const error = new Rejection('CONVERSATION_NOT_FOUND').payload;
    const rejecting = inboxAnswering(() => ({ kind: 'rejected', error }));
    const rejection = await rejectionOf(markRead({ conversations, ...rejecting }, bob, { conversationId }));
    expect(rejection).to.be.instanceOf(Rejection).with.deep.property('payload', error);
    const confused = inboxAnswering(() => ({ kind: 'stored', seq: 1, createdAt: '' }));
    const fault = await rejectionOf(markRead({ conversations, ...confused }, bob, { conversationId }));
    expect(fault).to.be.an('error').and.not.instanceOf(Rejection);
  });
});
