import { type ClientMessageId, type Draft, type EntryResult, type Message, Rejection } from '@chat-cluster/contracts';
import { newConversationId, submitMessage } from '@chat-cluster/domain';
import { expect } from 'chai';
import { conversation, conversationsAmong, inboxAnswering, noReplies, rejectionOf } from './ports.ts';
import { newUsers } from './world.ts';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('submitting a message', () => {
  const { alice, bob, mallory } = newUsers('alice', 'bob', 'mallory');
  const pair = conversation(alice, bob);
  const notes = conversation(alice);
  const conversations = conversationsAmong(pair, notes);
  const stored: EntryResult = { kind: 'stored', seq: 7, createdAt: '2026-01-01T12:00:00.000Z' };
  const draft: Draft = { conversationId: pair.conversationId, content: 'hello' };

  it('submits an entry to the other participant, with a new id', async () => {
    const { inbox, submitted } = inboxAnswering(() => stored);
    const attachments = [{ url: 'https://files.example.com/a.png', type: 'IMAGE' as const }];
    const clientMessageId = 'mine' as ClientMessageId;
    await submitMessage({ ...noReplies, conversations, inbox }, bob, { ...draft, attachments, clientMessageId });
    const [entry] = submitted;
    const id = entry?.kind === 'send' ? entry.id : undefined;
    expect(id).to.match(UUID_V7);
    expect(entry).to.deep.equal({
      id,
      kind: 'send',
      conversationId: pair.conversationId,
      senderId: bob,
      receiverId: alice,
      clientMessageId,
      content: 'hello',
      attachments,
    });
  });

  it('acknowledges the stored message as all participants receive it', async () => {
    const { inbox, submitted } = inboxAnswering(() => stored);
    const ack = await submitMessage({ ...noReplies, conversations, inbox }, alice, draft);
    const [entry] = submitted as { id: string }[];
    expect(ack).to.deep.equal({
      ok: true,
      duplicate: false,
      message: {
        id: entry?.id,
        conversationId: pair.conversationId,
        seq: 7,
        senderId: alice,
        receiverId: bob,
        clientMessageId: entry?.id,
        content: 'hello',
        attachments: [],
        isRead: false,
        createdAt: '2026-01-01T12:00:00.000Z',
      },
    });
  });

  it('stores no content as null and no attachments as an empty list', async () => {
    const { inbox, submitted } = inboxAnswering(() => stored);
    await submitMessage({ ...noReplies, conversations, inbox }, alice, {
      ...draft,
      content: undefined,
      attachments: null,
    });
    expect(submitted[0]).to.deep.include({ content: null, attachments: [] });
  });

  it('uses the id of a message as its client message id when it has none', async () => {
    const { inbox, submitted } = inboxAnswering(() => stored);
    await submitMessage({ ...noReplies, conversations, inbox }, alice, draft);
    await submitMessage({ ...noReplies, conversations, inbox }, alice, draft);
    const [first, second] = submitted as { id: string; clientMessageId: string }[];
    expect(first?.clientMessageId).to.equal(first?.id);
    expect(second?.id).to.not.equal(first?.id);
  });

  it('acknowledges a resend with the first result', async () => {
    const message = { id: 'the first', content: 'the first content' } as unknown as Message;
    const { inbox } = inboxAnswering(() => ({ kind: 'duplicate', message }));
    const ack = await submitMessage({ ...noReplies, conversations, inbox }, alice, draft);
    expect(ack).to.deep.equal({ ok: true, duplicate: true, message });
  });

  it('sends a note to oneself to oneself', async () => {
    const { inbox, submitted } = inboxAnswering(() => stored);
    await submitMessage({ ...noReplies, conversations, inbox }, alice, {
      ...draft,
      conversationId: notes.conversationId,
    });
    expect(submitted[0]).to.include({ senderId: alice, receiverId: alice });
  });

  it('rejects users outside a conversation as if it did not exist, and submits nothing', async () => {
    const { inbox, submitted } = inboxAnswering(() => stored);
    const foreign = await rejectionOf(submitMessage({ ...noReplies, conversations, inbox }, mallory, draft));
    const unknown = await rejectionOf(
      submitMessage({ ...noReplies, conversations, inbox }, alice, { ...draft, conversationId: newConversationId() }),
    );
    expect(foreign).to.be.instanceOf(Rejection).with.nested.property('payload.code', 'CONVERSATION_NOT_FOUND');
    expect((foreign as Rejection).payload).to.deep.equal((unknown as Rejection).payload);
    expect(submitted).to.deep.equal([]);
  });

  it('passes on a rejection of the lane unchanged', async () => {
    const error = { code: 'OVERLOADED' as const, message: 'busy', retryable: true, retryAfterMs: 40 };
    const { inbox } = inboxAnswering(() => ({ kind: 'rejected', error }));
    const rejection = await rejectionOf(submitMessage({ ...noReplies, conversations, inbox }, alice, draft));
    expect(rejection).to.be.instanceOf(Rejection).with.deep.property('payload', error);
  });

  it('passes on a rejection of the inbox unchanged', async () => {
    const timeout = new Rejection('TIMEOUT', { retryAfterMs: 1_000 });
    const { inbox } = inboxAnswering(() => Promise.reject(timeout));
    expect(await rejectionOf(submitMessage({ ...noReplies, conversations, inbox }, alice, draft))).to.equal(timeout);
  });

  it('treats a result of another kind as a fault, not as a rejection', async () => {
    const { inbox } = inboxAnswering(() => ({ kind: 'read', upToSeq: 1, unreadCount: 0 }));
    const fault = await rejectionOf(submitMessage({ ...noReplies, conversations, inbox }, alice, draft));
    expect(fault).to.be.an('error').and.not.instanceOf(Rejection);
  });
});
