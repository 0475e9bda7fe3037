import type { ErrorPayload } from './errors.ts';
import type { ClientMessageId, ConversationId, MessageId, UserId } from './ids.ts';
import type { Attachment, Message } from './message.ts';

/**
 * One item of a lane's Redis stream: messages and read marks that a gateway sends to the worker of the lane.
 *
 * Gateways and workers are deployed at different times, so a shape never changes in place: a new shape gets the next
 * `v`, and workers read both for one release.
 */
export interface LaneBatch {
  v: 1;
  batchId: string;
  /** Channel on which the gateway receives the reply. */
  replyTo: string;
  /** Time at which the gateway sent the batch, in ms since the epoch; the lag metric is measured from it. */
  acceptedAt: number;
  entries: Entry[];
}

export type Entry = SendEntry | ReadEntry;

/** A message to store. By its `id`, a repeated run of the batch recognises a message that the first run has stored. */
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

/** A read mark to store. `upToSeq` null: up to the last message that precedes this entry in its lane. */
export interface ReadEntry extends Traced {
  kind: 'read';
  conversationId: ConversationId;
  userId: UserId;
  otherUserId: UserId;
  upToSeq: number | null;
}

/** Fields that every entry may have. A worker of an older version ignores them. */
interface Traced {
  /** W3C traceparent of the event or request that caused the entry; only if its trace is sampled. */
  trace?: string;
}

/** Reply to a batch: `results[i]` belongs to `entries[i]`. */
export interface BatchReply {
  v: 1;
  batchId: string;
  results: EntryResult[];
}

/** Outcome of one entry. `stored` has only the fields that the gateway of the entry lacks. */
export type EntryResult =
  | { kind: 'stored'; seq: number; createdAt: string }
  | { kind: 'duplicate'; message: Message }
  | { kind: 'read'; upToSeq: number; unreadCount: number }
  | { kind: 'rejected'; error: ErrorPayload };
