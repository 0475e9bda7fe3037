import type { ErrorPayload } from './errors.ts';
import type { Group, GroupChange } from './group.ts';
import type { ClientMessageId, ConversationId, MessageId, UserId } from './ids.ts';
import type { Attachment, Message, ReplyTo } from './message.ts';

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

export type Entry = SendEntry | ReadEntry | GroupSendEntry | GroupReadEntry | GroupChangeEntry | MessageChangeEntry;

/** A message to store. By its `id`, a repeated run of the batch recognises a message that the first run has stored. */
export interface SendEntry extends Traced, Extras {
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

/** A message to a group. The lane checks that the sender is a member. */
export interface GroupSendEntry extends Traced, Extras {
  kind: 'group_send';
  id: MessageId;
  conversationId: ConversationId;
  senderId: UserId;
  clientMessageId: ClientMessageId;
  content: string | null;
  attachments: Attachment[];
}

/** Optional parts of a message, of both kinds of conversations. */
export interface Extras {
  replyTo?: ReplyTo;
  mentions?: UserId[];
  mentionsAll?: true;
}

/** A read mark in a group. `upToSeq` as in {@link ReadEntry}. */
export interface GroupReadEntry extends Traced {
  kind: 'group_read';
  conversationId: ConversationId;
  userId: UserId;
  upToSeq: number | null;
}

/** A change of a group. It becomes an entry of the sequence with this `id`; the lane checks the role of `by`. */
export interface GroupChangeEntry extends Traced {
  kind: 'group_change';
  id: MessageId;
  conversationId: ConversationId;
  by: UserId;
  /** Key of deduplication, as the client message id of a message. */
  changeId: string;
  /** `create`: the conversation does not exist yet; `by` becomes its owner. */
  change: GroupChange | { type: 'create'; title: string; userIds: UserId[] };
}

/** A change of a stored message, in a conversation of either kind. The lane checks the right to it and its window. */
export interface MessageChangeEntry extends Traced {
  kind: 'message_change';
  conversationId: ConversationId;
  by: UserId;
  seq: number;
  change:
    | { type: 'edit'; changeId: string; content: string; mentions?: UserId[] }
    | { type: 'delete' }
    | { type: 'react'; emoji: string; on: boolean };
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

/** Outcome of one entry. `stored` has only the fields that its gateway lacks; `replyTo` if it has changed. */
export type EntryResult =
  | { kind: 'stored'; seq: number; createdAt: string; replyTo?: ReplyTo }
  | { kind: 'duplicate'; message: Message }
  | { kind: 'read'; upToSeq: number; unreadCount: number }
  /** A message of a group, stored now or (`duplicate`) by an earlier entry. */
  | { kind: 'group_stored'; message: Message; duplicate: boolean }
  /** The group after a change, as `by` sees it. */
  | { kind: 'group_changed'; group: Group }
  /** The message after a change. */
  | { kind: 'message_changed'; message: Message }
  | { kind: 'rejected'; error: ErrorPayload };
