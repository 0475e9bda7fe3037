import type {
  ClientMessageId,
  Conversation,
  ConversationId,
  ConversationsPage,
  Entry,
  EntryResult,
  FeedEntry,
  Message,
  MessageId,
  MessagesRead,
  Presence,
  ReplyTo,
  Role,
  SendEntry,
  StoreEpoch,
  SyncAck,
  SyncedConversation,
  UnreadCount,
  UserId,
  Window,
} from '@chat-cluster/contracts';
import type { DeadLetter } from './dead-letter.ts';

/**
 * What the domain requires of its adapters, as contracts in prose: ordering, atomicity, delivery and idempotency. An
 * adapter that breaks one of these sentences is wrong, even if it compiles. Any method may throw a fault, which is
 * logged and reaches the client as UNAVAILABLE. The rejections that a method may throw are listed at the method.
 *
 * Implementations: MessageStore, UnreadCounts, DeadLetters, UnreadAudit, StoreEpochs in packages/postgres; Fanout,
 * RecentMessages, BeatMemory, presence in packages/redis; Inbox, RecountRequests in packages/queue; Conversations,
 * History in services/gateway.
 */

/** Accepted entries that are not stored yet. Implemented by `createInbox` in packages/queue/src/inbox.ts. */
export interface Inbox {
  /**
   * Queues the entry behind all earlier entries of the same conversation from this process. Resolves with its outcome
   * once the outcome is committed. Rejections: OVERLOADED (not accepted, the entry has no effect); UNAVAILABLE and
   * TIMEOUT (unknown: it may still be stored; a resend is safe because the store deduplicates).
   */
  submit(entry: Entry): Promise<EntryResult>;
}

/** Committed history, as one user sees it. */
export interface History {
  /**
   * The direct conversation of two users, with the read mark of each by user id (`readUpTo`). Undefined when they have
   * no conversation.
   */
  directConversation(
    userId: UserId,
    otherUserId: UserId,
  ): Promise<{ id: ConversationId; lastSeq: number; readUpTo: ReadonlyMap<UserId, number> } | undefined>;
  /** A conversation of the user. Undefined when it does not exist or the user is not a participant. */
  head(userId: UserId, id: ConversationId): Promise<ConversationHead | undefined>;
  /** Messages with `fromSeq <= seq <= toSeq` in order. `isRead` is always false: the caller derives it. */
  range(id: ConversationId, fromSeq: number, toSeq: number): Promise<Message[]>;
  /** The message that the user has sent with this `clientMessageId`. `isRead` is always false. */
  sent(userId: UserId, id: ConversationId, clientMessageId: ClientMessageId): Promise<Message | undefined>;
  /** Conversations of a user, newest activity first. Rejects an invalid cursor with VALIDATION_FAILED. */
  conversations(userId: UserId, limit: number, cursor: string | undefined): Promise<Omit<ConversationsPage, 'epoch'>>;
  /**
   * Conversations of the user whose last activity is after this position, in the order of positions, as committed at one
   * moment. Activity: the conversation was opened, a message was stored, a read mark of a participant moved. It has the
   * time at which its transaction began, on the clock of the store, and is visible at the end of the transaction: some
   * seconds later. Undefined: no conversations, and no cost beyond the current time.
   */
  feed(userId: UserId, after: FeedPosition | undefined, limit: number): Promise<FeedSlice>;
}

/** A place in the conversations of a user, ordered by the time of their last activity, then by id. */
export interface FeedPosition {
  /** ms since 1970. */
  activityAt: number;
  id: ConversationId;
}

export interface FeedSlice {
  /** Time of the read on the clock of the store, in ms since 1970. */
  readAt: number;
  entries: { activityAt: number; conversation: FeedEntry }[];
}

/** A conversation without its messages: its last `seq`, and how far each participant has read. */
export type ConversationHead = Pick<
  SyncedConversation,
  'id' | 'lastSeq' | 'readMarks' | 'deliveredMarks' | 'group' | 'settings'
> & {
  /** Number of the last change of a message; 0 without changes. */
  lastRev: number;
};

/**
 * Unread messages of a user: the total, and the newest conversations with unread messages. `rooms`: the groups of the
 * user that have a room, from the same read, since a gateway needs both when a device connects.
 */
export type UnreadSummary = SyncAck['unread'] &
  Pick<UnreadCount, 'mutedCount' | 'mentionCount'> & { rooms: ConversationId[] };

/** Participants of a direct conversation. They never change, so they may be cached. */
export interface Participants {
  kind: 'direct';
  conversationId: ConversationId;
  userIds: readonly [UserId] | readonly [UserId, UserId];
}

/** A direct conversation, and whether one of the two users has blocked the other, which changes. */
export type DirectConversation = Participants & { isBlocked: boolean };

/** A group as a member, or former member, may use it. It changes with each change of the group: do not cache it for long. */
export interface Membership {
  kind: 'group';
  conversationId: ConversationId;
  /** null: a former member, who still sees its windows. */
  role: Role | null;
  memberCount: number;
  windows: readonly Window[];
}

/** Implemented by `GatewayConversations` in services/gateway/src/conversations.ts. */
export interface Conversations {
  /**
   * A conversation of the user. Undefined when it does not exist, or the user is not a participant and was no member of
   * it. All these cases cost the same queries, so that a user cannot distinguish them. Do not cache this: it may be
   * created. A group may have changed since: the lane decides what a member may do.
   */
  participantsOf(id: ConversationId, userId: UserId): Promise<DirectConversation | Membership | undefined>;
  /**
   * The direct conversation of two users, created with the id `newId` if there is none. Idempotent under any
   * concurrency: all callers get the same conversation, and exactly one of them gets `created: true`.
   */
  open(newId: ConversationId, a: UserId, b: UserId): Promise<{ conversation: Conversation; created: boolean }>;
  /** The direct conversation of two users. Undefined when they have none. */
  find(a: UserId, b: UserId): Promise<Conversation | undefined>;
}

/**
 * Which users share a direct conversation, or a group of up to LIMITS.presenceGroup members. Implemented by
 * `GatewayConversations` too.
 */
export interface Contacts {
  /** Those of `userIds` who share a conversation with the user. Concurrent calls share a query. */
  contactsAmong(userId: UserId, userIds: readonly UserId[]): Promise<ReadonlySet<UserId>>;
  /** Those of `userIds` that have blocked the user, or that the user has blocked. */
  blockedAmong(userId: UserId, userIds: readonly UserId[]): Promise<ReadonlySet<UserId>>;
}

/** Participants for requests that do not justify a query. Implemented by `GatewayConversations` too. */
export interface KnownConversations {
  /**
   * The users that a signal of the user reaches, if this process or the cache of recent messages knows the conversation
   * of the user: the participants, unless one has blocked the other; or the current members of a group of at most
   * LIMITS.smallGroup, if the user is one of them. Otherwise undefined, after the same requests in every case.
   */
  known(id: ConversationId, userId: UserId): Promise<readonly UserId[] | undefined>;
}

/** A stored message. Its `id` differs from that of the entry when an earlier send had the same key. */
export interface StoredMessage {
  id: MessageId;
  seq: number;
  createdAt: Date;
  /**
   * The current state of the earlier message with the same key: its content, and what only some messages have.
   * Undefined for a first send: its content is that of the entry.
   */
  earlier?: Pick<Message, 'content' | 'attachments'> & Partial<Message>;
  /** The quote without its text: the quoted message was deleted after the reply was accepted. */
  replyTo?: ReplyTo;
}

export interface ReadMark {
  conversationId: ConversationId;
  userId: UserId;
  /** null: up to the last committed message. */
  upToSeq: number | null;
}

export interface MarkedRead {
  /** The current mark: the greatest ever submitted, but never beyond the last message. */
  upToSeq: number;
  readAt: Date;
  /** False: the mark was already at this position or beyond it, and nothing was written. */
  advanced: boolean;
  /** Unread messages of the user over all conversations, after all marks of this call. */
  unreadCount: number;
}

/**
 * The database of messages and read marks. The caller guarantees two things: calls for one conversation never overlap
 * (lanes ensure this), and no call contains a key (conversation, sender, client message id) or a (conversation, user)
 * twice. If two calls nevertheless overlap (a paused worker resumes), one of them fails with a transient fault; its
 * repetition finds the rows of the other. A call that has committed, and whose result cannot be read, rejects with
 * ResultUnreadable.
 */
export interface MessageStore {
  /**
   * Stores all sends in one transaction: a dense `seq` per conversation in the given order, and the unread counters of
   * the receivers. `result[i]` belongs to `sends[i]`; undefined when the conversation does not exist. Idempotent: a
   * send whose key is already stored changes nothing and gets the stored message.
   */
  storeSends(sends: readonly SendEntry[]): Promise<(StoredMessage | undefined)[]>;
  /** Moves read marks forward in one transaction. `result[i]` is undefined when the user is not a participant. */
  markRead(marks: readonly ReadMark[]): Promise<(MarkedRead | undefined)[]>;
  /** Runs `work` in one transaction: its calls commit together or not at all. May run it again after a rollback. */
  atomically<T>(work: (store: MessageStore) => Promise<T>): Promise<T>;
}

/** Unread counts, read from committed state. */
export interface UnreadCounts {
  /** `result[i]` belongs to `userIds[i]`. A user without conversations has a count of 0. */
  summaries(userIds: readonly UserId[]): Promise<UnreadSummary[]>;
  /** Total of each user, and their counts in `conversationIds`. Users without conversations are omitted. */
  recount(
    userIds: readonly UserId[],
    conversationIds: readonly ConversationId[],
  ): Promise<{ userId: UserId; unread: UnreadCount }[]>;
}

/**
 * Sends events to every device of a user, on any gateway. Delivery is at most once per device: an emit may be lost when
 * Redis is down; the user then receives `sync_required` as soon as possible. Emits of one process arrive in order. Each
 * promise resolves once Redis has accepted the emits, or they are lost. Only `unreadCounts` rejects if they are lost,
 * since a recount can be repeated.
 */
export interface Fanout {
  /** `traces`: trace contexts of some of the messages. An emit carries them to the gateways, not to devices. */
  newMessages(messages: readonly Message[], traces?: ReadonlyMap<MessageId, string>): Promise<void>;
  messagesRead(receipts: readonly { to: readonly UserId[]; receipt: MessagesRead }[]): Promise<void>;
  unreadCounts(counts: readonly { userId: UserId; unread: UnreadCount }[]): Promise<void>;
}

/**
 * Announces to the cluster which users are connected to this process. Calls return at once; each `hold` needs one
 * `release`. They take effect within moments, or once Redis is back. The cluster detects a process that died without
 * calling `release`.
 */
export interface PresenceAnnouncer {
  hold(userId: UserId): void;
  release(userId: UserId): void;
}

/** Presence of users in the whole cluster, by the rule of `presence.ts`. Volatile, never stored permanently. */
export interface PresenceWatch {
  /**
   * Starts to watch the users and resolves with their current presence, in the given order. Waits while Redis is down;
   * a caller that gives up calls `unwatch`. Users that are already watched stay watched.
   */
  watch(userIds: readonly UserId[]): Promise<Presence[]>;
  unwatch(userId: UserId): void;
  /** Calls the listener for each change of a watched user after the presence that `watch` returned. */
  onChange(listener: (presence: Presence) => void): void;
}

/** A user whose badge may have changed, and the conversation that caused the change. */
export interface DirtyBadge {
  userId: UserId;
  conversationId: ConversationId;
}

export interface RecountRequests {
  /** When it resolves, each user will get an `unread_count`, counted after this call. Requests of one user coalesce. */
  request(badges: readonly DirtyBadge[]): Promise<void>;
}

/** Cache of the latest messages of busy conversations. It may lose any of them, but never returns wrong data. */
export interface RecentMessages {
  /** Removes all messages of these conversations, because one of each has changed. In order with `append`. */
  drop(ids: readonly ConversationId[]): Promise<void>;
  append(messages: readonly Message[]): Promise<void>;
  /**
   * Messages with `fromSeq <= seq <= toSeq` in order. Undefined when the cache lacks any of them. `isRead` is always
   * false: the caller derives it.
   */
  range(id: ConversationId, fromSeq: number, toSeq: number): Promise<Message[] | undefined>;
}

/** The same cache, for a restore. */
export interface ClearableMessages {
  /** Removes all messages that were appended before this call. */
  clear(): Promise<void>;
}

/** A beat of the store: its epoch, and the number of beats so far, which grows by one with each. */
export interface StoreBeat {
  epoch: StoreEpoch;
  beats: number;
}

/** The epoch of the store, stored with the messages: a restore to an earlier state also restores the number of beats. */
export interface StoreEpochs {
  current(): Promise<StoreEpoch>;
  /** Counts a beat. Resolves after the commit. */
  beat(): Promise<StoreBeat>;
  /** Replaces the epoch `from` by a random one, and resolves with the current epoch. Idempotent. */
  renew(from: StoreEpoch): Promise<StoreEpoch>;
}

/** The highest number of beats of each epoch, kept outside of the database. It may lose them. */
export interface BeatMemory {
  seen(): Promise<ReadonlyMap<StoreEpoch, number>>;
  note(beat: StoreBeat): Promise<void>;
}

/** Notifies all gateways that the epoch was renewed. A signal may be lost: they also read the epoch in intervals. */
export interface EpochSignal {
  renewed(): Promise<void>;
}

/** The newest message of each conversation, from the same cache. */
export interface NewestMessages {
  /** The cached message with the highest `seq`; undefined when there is none. */
  newest(id: ConversationId): Promise<Message | undefined>;
}

/** Letters for accepted entries that could not be stored. */
export interface DeadLetters {
  /**
   * Keeps letters, in the given order. A letter that exists gets the new source and reason. A `store` letter adds its
   * attempts. A `lane` letter reports a total, so the larger value is kept.
   */
  keep(letters: readonly Omit<DeadLetter, 'at'>[]): Promise<void>;
  /** Newest first; with `before`, those older than that letter. */
  newest(limit: number, before?: Pick<DeadLetter, 'id' | 'at'>): Promise<DeadLetter[]>;
  /** In no particular order; unknown ids are omitted. */
  find(ids: readonly string[]): Promise<DeadLetter[]>;
  /** Deletes letters and resolves with the number that existed. */
  drop(ids: readonly string[]): Promise<number>;
  /** Number of letters, counted up to `atMost`. */
  count(atMost: number): Promise<number>;
}

/** One participant of one conversation. */
export interface CounterKey {
  conversationId: ConversationId;
  userId: UserId;
}

/** The unread counter of a participant and the state it derives from, all read at one moment. */
export interface Counter extends CounterKey {
  unreadCount: number;
  lastReadSeq: number;
  lastSeq: number;
  /** Number of the last change of a message in the conversation: a deletion changes what is counted. */
  lastRev: number;
  /** Differs after each write of the counter or of the read mark, also after one that changes no value. */
  version: string;
}

/** Unread counters and the messages they count. A count of a range stays correct until a message is deleted. */
export interface UnreadAudit {
  /** Counters after the key `after`, in the order of their keys; undefined: from the first one. */
  after(after: CounterKey | undefined, limit: number): Promise<Counter[]>;
  /** Counters of one user, in the order of conversations. */
  ofUser(userId: UserId, after: ConversationId | undefined, limit: number): Promise<Counter[]>;
  /** Counters of these keys, in no particular order; keys without a counter are omitted. */
  of(keys: readonly CounterKey[]): Promise<Counter[]>;
  /** `result[i]`: messages with `fromSeq < seq <= toSeq` that other users sent. */
  count(ranges: readonly (CounterKey & { fromSeq: number; toSeq: number })[]): Promise<number[]>;
  /**
   * Sets counters to `truth`, except those whose `version` has changed since they were read. Returns the keys of those
   * it set. Each send, read mark and deletion that changes the truth changes the version, so `truth` is correct then.
   */
  heal(drifts: readonly (Counter & { truth: number })[]): Promise<CounterKey[]>;
}
