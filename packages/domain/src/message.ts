import { type EntryResult, type Message, Rejection, type SendEntry } from '@chat-cluster/contracts';
import type { StoredMessage } from './ports.ts';

/** The message that an entry became. `createdAt` as an ISO string, or as the store's Date. */
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

/** The error of a rejected entry; a result of another kind than asked for is a fault of ours. */
export function rejectionOf(result: EntryResult): Error {
  if (result.kind !== 'rejected') return new Error(`the lane answered with a result of kind ${result.kind}`);
  const { code, message, retryAfterMs } = result.error;
  return new Rejection(code, { message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
}
