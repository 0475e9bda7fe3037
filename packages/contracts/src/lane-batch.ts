import type { ErrorPayload } from './errors.ts';
import type { ClientMessageId, ConversationId, MessageId, UserId } from './ids.ts';
import type { Attachment, Message } from './message.ts';

/**
 * What travels between gateways and workers through the queue. Both sides deploy at different times, so a shape never
 * changes in place: a new one gets the next `v`, and workers read both for one release.
 */

/** What every entry may carry. A worker that does not know it leaves it alone. */
interface Traced {
  /** W3C traceparent of the event or request that brought the entry; absent unless that one is sampled. */
  trace?: string;
}

/** A message on its way to the store. `id` names this entry: a re-run of the same job finds it stored under that id. */
export interface SendEntry extends Traced {
  kind: 'send';
  id: MessageId;
  conversationId: ConversationId;
  senderId: UserId;
  receiverId: UserId;
  clientMessageId: ClientMessageId;
  content: string | null;
  attachments: Attachment[];
}

/** A read mark on its way. `upToSeq` null: everything that precedes this entry in its lane. */
export interface ReadEntry extends Traced {
  kind: 'read';
  conversationId: ConversationId;
  userId: UserId;
  otherUserId: UserId;
  upToSeq: number | null;
}

export type Entry = SendEntry | ReadEntry;

/** One BullMQ job of a lane. `acceptedAt`: milliseconds since the epoch, of the oldest entry (for the lag metric). */
export interface LaneBatch {
  v: 1;
  batchId: string;
  /** Channel on which the gateway that sent the batch hears its reply. */
  replyTo: string;
  acceptedAt: number;
  entries: Entry[];
}

/** The outcome of one entry. A first store carries only what its gateway does not know yet. */
export type EntryResult =
  | { kind: 'stored'; seq: number; createdAt: string }
  | { kind: 'duplicate'; message: Message }
  | { kind: 'read'; upToSeq: number; unreadCount: number }
  | { kind: 'rejected'; error: ErrorPayload };

/** Reply to a batch: `results[i]` belongs to `entries[i]`. */
export interface BatchReply {
  v: 1;
  batchId: string;
  results: EntryResult[];
}
