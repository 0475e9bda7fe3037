import { type EntryResult, type Message, Rejection, type SendEntry } from '@chat-cluster/contracts';
import type { StoredMessage } from './ports.ts';

/** The stored message of an entry. `createdAt` is an ISO string, or the Date of the store. */
export function toMessage(
  entry: SendEntry,
  stored: Pick<StoredMessage, 'seq' | 'earlier'> & { id?: Message['id']; createdAt: string | Date },
): Message {
  return {
    id: stored.id ?? entry.id,
    conversationId: entry.conversationId,
    seq: stored.seq,
    senderId: entry.senderId,
    receiverId: entry.receiverId,
    clientMessageId: entry.clientMessageId,
    content: stored.earlier ? stored.earlier.content : entry.content,
    attachments: stored.earlier ? stored.earlier.attachments : entry.attachments,
    isRead: false,
    createdAt: typeof stored.createdAt === 'string' ? stored.createdAt : stored.createdAt.toISOString(),
  };
}

/** The error for a result other than the expected one: the rejection it contains, otherwise a fault. */
export function errorOf(result: EntryResult): Error {
  if (result.kind !== 'rejected') return new Error(`the lane returned an unexpected result of kind ${result.kind}`);
  const { code, message, retryAfterMs } = result.error;
  return new Rejection(code, { message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
}
