import {
  type ClientMessageId,
  type Draft,
  type ErrorCode,
  type GroupSendEntry,
  type Message,
  Rejection,
  type SendAck,
  type SendEntry,
  type UserId,
} from '@chat-cluster/contracts';
import { newMessageId } from './ids.ts';
import { errorOf, toMessage } from './message.ts';
import type { Conversations, DirectConversation, History, Inbox, Membership } from './ports.ts';
import { quotedMessage, type VisibleMessagePorts } from './quoted-message.ts';

export interface SubmitPorts extends VisibleMessagePorts {
  history: Pick<History, 'head' | 'range' | 'sent'>;
  conversations: Pick<Conversations, 'participantsOf'>;
  inbox: Inbox;
  quotes: QuoteOrder;
}

/** The text that users receive where they may not open conversations, and where one of the two has blocked the other. */
export const NO_CONVERSATION = 'On this server, you cannot write to this user.';

/**
 * Submits a draft of `senderId` and resolves after its commit with the message as all devices receive it. A resend
 * (same conversation, sender and `clientMessageId`) resolves with the first result and `duplicate: true`. Rejections:
 * REJECTED, those of {@link Inbox.submit}, CONVERSATION_NOT_FOUND (also for a conversation of other users), FORBIDDEN
 * (one of the two users has blocked the other), MESSAGE_NOT_FOUND (of a reply).
 */
export async function submitMessage(ports: SubmitPorts, senderId: UserId, draft: Draft): Promise<SendAck> {
  try {
    return await submit(ports, senderId, draft);
  } catch (error) {
    const earlier = await sentBefore(ports, senderId, draft, error);
    if (!earlier) throw error;
    return { ok: true, message: earlier, duplicate: true };
  }
}

/** Refusals of a resend: a block, or the deletion of the quoted message, may come after the message was stored. */
const LATER_REFUSALS: readonly ErrorCode[] = ['FORBIDDEN', 'MESSAGE_NOT_FOUND'];

async function sentBefore(
  { history }: SubmitPorts,
  senderId: UserId,
  { conversationId, clientMessageId }: Draft,
  error: unknown,
): Promise<Message | undefined> {
  const mayBeStored = error instanceof Rejection && LATER_REFUSALS.includes(error.payload.code);
  return mayBeStored && clientMessageId ? history.sent(senderId, conversationId, clientMessageId) : undefined;
}

async function submit(ports: SubmitPorts, senderId: UserId, draft: Draft): Promise<SendAck> {
  const { conversations, inbox, quotes } = ports;
  const { conversationId } = draft;
  const conversation = await conversationOf(conversations, conversationId, senderId);
  if (conversation.kind === 'direct') rejectIfBlocked(conversation);
  const { replyToSeq } = draft;
  const quote = replyToSeq === undefined ? undefined : () => quotedMessage(ports, senderId, conversationId, replyToSeq);
  const replyTo = await quotes.inTurn(`${conversationId} ${senderId}`, quote);
  const id = newMessageId();
  const message = {
    id,
    conversationId,
    senderId,
    // Every stored message needs a deduplication key: a draft without a client message id gets the message id as one.
    clientMessageId: draft.clientMessageId ?? (id as string as ClientMessageId),
    content: draft.content ?? null,
    attachments: draft.attachments ?? [],
    ...(replyTo && { replyTo }),
  };
  if (conversation.kind === 'group')
    return submitToGroup(inbox, { kind: 'group_send', ...message, ...mentionsOf(draft) });
  const receiverId = otherOf(conversation, senderId);
  const mentions = draft.mentions?.filter((mentioned) => conversation.userIds.some((one) => one === mentioned));
  return submitDirect(inbox, {
    kind: 'send',
    ...message,
    receiverId,
    ...(mentions && mentions.length > 0 && { mentions: [...new Set(mentions)] }),
  });
}

/** Those of a group; the lane drops the ones who are not members. */
export function mentionsOf({ mentions = [], mentionsAll }: Pick<Draft, 'mentions' | 'mentionsAll'>) {
  return {
    ...(mentions.length > 0 && { mentions: [...new Set(mentions)] }),
    ...(mentionsAll && { mentionsAll: true as const }),
  };
}

async function submitDirect(inbox: Inbox, entry: SendEntry): Promise<SendAck> {
  const result = await inbox.submit(entry);
  switch (result.kind) {
    case 'stored':
      return { ok: true, message: toMessage(entry, result), duplicate: false };
    case 'duplicate':
      return { ok: true, message: result.message, duplicate: true };
    default:
      throw errorOf(result);
  }
}

async function submitToGroup(inbox: Inbox, entry: GroupSendEntry): Promise<SendAck> {
  const result = await inbox.submit(entry);
  if (result.kind !== 'group_stored') throw errorOf(result);
  return { ok: true, message: result.message, duplicate: result.duplicate };
}

/** The conversation of the user. Rejects with CONVERSATION_NOT_FOUND. */
export async function conversationOf(
  conversations: Pick<Conversations, 'participantsOf'>,
  id: Draft['conversationId'],
  userId: UserId,
): Promise<DirectConversation | Membership> {
  const conversation = await conversations.participantsOf(id, userId);
  if (!conversation) throw new Rejection('CONVERSATION_NOT_FOUND');
  return conversation;
}

/** The other participant of a direct conversation; in a conversation with oneself the user. */
export function otherOf({ userIds }: Pick<DirectConversation, 'userIds'>, userId: UserId): UserId {
  return userIds.find((id) => id !== userId) ?? userId;
}

/** Rejects as a server on which users open no conversations, so that a blocked user cannot distinguish them. */
export function rejectIfBlocked({ isBlocked }: DirectConversation): void {
  if (isBlocked) throw new Rejection('FORBIDDEN', { message: NO_CONVERSATION });
}

/**
 * Keeps the drafts of one sender in one conversation in order while a reply waits for the message that it quotes. Other
 * drafts do not wait.
 */
export class QuoteOrder {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Resolves with the result of `work`, after the work and the turns before it. */
  inTurn<T>(key: string, work: (() => Promise<T>) | undefined): Promise<T> | undefined {
    const earlier = this.#last.get(key);
    if (!work && !earlier) return undefined;
    const result = (async () => {
      await earlier?.catch(() => {});
      return work?.() as Promise<T>;
    })().finally(() => {
      if (this.#last.get(key) === result) this.#last.delete(key);
    });
    this.#last.set(key, result);
    return result;
  }
}
