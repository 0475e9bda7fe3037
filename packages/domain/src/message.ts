import { type EntryResult, type Extras, type Message, Rejection, type SendEntry } from '@chat-cluster/contracts';
import type { StoredMessage } from './ports.ts';

/** The stored message of an entry. `createdAt` is an ISO string, or the Date of the store. */
export function toMessage(
  entry: SendEntry,
  stored: Pick<StoredMessage, 'seq' | 'earlier' | 'replyTo'> & { id?: Message['id']; createdAt: string | Date },
): Message {
  return {
    id: stored.id ?? entry.id,
    conversationId: entry.conversationId,
    seq: stored.seq,
    senderId: entry.senderId,
    receiverId: entry.receiverId,
    clientMessageId: entry.clientMessageId,
    content: entry.content,
    attachments: entry.attachments,
    isRead: false,
    createdAt: typeof stored.createdAt === 'string' ? stored.createdAt : stored.createdAt.toISOString(),
    ...(stored.earlier ?? extrasOf(stored.replyTo ? { ...entry, replyTo: stored.replyTo } : entry)),
  };
}

/** The optional parts that a sender gives to a message. */
export function extrasOf({ replyTo, mentions, mentionsAll }: Extras): Extras {
  return { ...(replyTo && { replyTo }), ...(mentions && { mentions }), ...(mentionsAll && { mentionsAll }) };
}

/** The error for a result other than the expected one: the rejection it contains, otherwise a fault. */
export function errorOf(result: EntryResult): Error {
  if (result.kind !== 'rejected') return new Error(`the lane returned an unexpected result of kind ${result.kind}`);
  const { code, message, retryAfterMs } = result.error;
  return new Rejection(code, { message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
}
