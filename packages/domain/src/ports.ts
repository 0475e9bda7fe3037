import type {
  Attachment,
  Conversation,
  ConversationId,
  ConversationsPage,
  Entry,
  EntryResult,
  Message,
  MessageId,
  MessagesRead,
  Presence,
  SendEntry,
  SyncAck,
  SyncedConversation,
  UnreadCount,
  UserId,
} from '@chat-cluster/contracts';

/**
 * What the domain needs of the world, as promises in prose. An adapter that breaks one of these sentences is wrong,
 * whatever its types say. Any method may throw a fault (ours: logged, heard as UNAVAILABLE); the rejections that a
 * method may throw are named at it.
 */

/** Accepted entries on their way to the store. */
export interface Inbox {
  /**
   * Queues the entry behind every earlier one of the same conversation that this process submitted, and resolves with
   * its outcome after the outcome is committed. Rejections: OVERLOADED (not accepted, nothing will happen),
   * UNAVAILABLE and TIMEOUT (unknown: it may still be stored; a resend is safe because the store dedupes).
   */
  submit(entry: Entry): Promise<EntryResult>;
}

/** Committed history, as one user sees it. */
export interface History {
  /**
   * The direct conversation of two users with what a page needs to know of it; undefined when they have none.
   * `readUpTo`: the read mark of each of the two, by user id.
   */
  directConversation(
    userId: UserId,
    otherUserId: UserId,
  ): Promise<{ id: ConversationId; lastSeq: number; readUpTo: ReadonlyMap<UserId, number> } | undefined>;
  /** A conversation of the user; undefined when the user is in none with this id. */
  head(userId: UserId, id: ConversationId): Promise<ConversationHead | undefined>;
  /** Messages with `fromSeq <= seq <= toSeq` in order; `isRead` false in all: the caller derives it. */
  range(id: ConversationId, fromSeq: number, toSeq: number): Promise<Message[]>;
  /** Conversations of a user, newest activity first. Throws a VALIDATION_FAILED rejection for a foreign cursor. */
  conversations(userId: UserId, limit: number, cursor: string | undefined): Promise<ConversationsPage>;
}

/** What is known of a conversation without its messages: where it ends, and how far each participant has read. */
export type ConversationHead = Pick<SyncedConversation, 'id' | 'lastSeq' | 'readMarks'>;

/** The unread messages of a user: the total, and the newest conversations that have any. */
export type UnreadSummary = SyncAck['unread'];

/** Who takes part in a direct conversation. Never changes once the conversation exists, so it may be cached. */
export interface Participants {
  conversationId: ConversationId;
  userIds: readonly [UserId] | readonly [UserId, UserId];
}

export interface Conversations {
  /** The participants of a conversation; undefined when there is no such conversation (not cached for long). */
  participantsOf(id: ConversationId): Promise<Participants | undefined>;
  /**
   * The direct conversation of the two users, made when there is none. Idempotent under any concurrency: all callers
   * get the same conversation and exactly one of them `created: true`. `newId` names it when it is made.
   */
  open(newId: ConversationId, a: UserId, b: UserId): Promise<{ conversation: Conversation; created: boolean }>;
}

/** Conversations close at hand, for what is not worth a question to the store. */
export interface KnownConversations {
  /** As {@link Conversations.participantsOf}, without asking the store: undefined also when it is just not known here. */
  known(id: ConversationId): Promise<Participants | undefined>;
}

/** A message as the store knows it; `id` differs from the entry's own when an earlier send had the same key. */
export interface StoredMessage {
  id: MessageId;
  seq: number;
  createdAt: Date;
  /** Only of an earlier send: what that one said. A first store keeps what its entry says. */
  earlier?: { content: string | null; attachments: Attachment[] };
}

export interface ReadMark {
  conversationId: ConversationId;
  userId: UserId;
  /** null: up to the last message committed before. */
  upToSeq: number | null;
}

export interface MarkedRead {
  /** The mark now: the greatest ever asked for, never beyond the last message. */
  upToSeq: number;
  readAt: Date;
  /** False: the mark stood there or further already, nothing was written. */
  advanced: boolean;
  /** Unread messages of the user over all conversations, including the effect of every mark of this call. */
  unreadCount: number;
}

/**
 * The truth. The caller promises that within one conversation calls never overlap (lanes) and that a call holds no key
 * (conversation, sender, client message id) and no (conversation, user) twice. Should an overlap happen after all (a
 * paused worker wakes up), one of the two calls fails as a transient fault and a repeat of it finds the other's rows.
 */
export interface MessageStore {
  /**
   * Stores all sends in one transaction: dense `seq` per conversation in the order given, counters of the receivers.
   * `result[i]` belongs to `sends[i]`; undefined when its conversation does not exist. A send whose key is stored
   * already changes nothing and gets the stored message.
   */
  storeSends(sends: readonly SendEntry[]): Promise<(StoredMessage | undefined)[]>;
  /** Moves read marks in one transaction; monotonic. `result[i]` is undefined when the user is no participant. */
  markRead(marks: readonly ReadMark[]): Promise<(MarkedRead | undefined)[]>;
  /** Runs `work` so that all its calls commit together or not at all. May run it a second time, after nothing of the first. */
  atomically<T>(work: (store: MessageStore) => Promise<T>): Promise<T>;
}

/** Unread counts read from committed state. */
export interface UnreadCounts {
  /** `result[i]` belongs to `userIds[i]`; a user without conversations has a count of 0. */
  summaries(userIds: readonly UserId[]): Promise<UnreadSummary[]>;
  /** Total and the counts of `conversationIds` of each user; users without conversations are left out. */
  recount(
    userIds: readonly UserId[],
    conversationIds: readonly ConversationId[],
  ): Promise<{ userId: UserId; unread: UnreadCount }[]>;
}

/**
 * Tells every device of a user, on whatever gateway. At most once per device: an emit may be lost when Redis is away;
 * the user is told `sync_required` as soon as that is possible. Emits of one process arrive in the order in which they
 * were made. The promises resolve when the emits have left for every gateway concerned, or are lost;
 * `unreadCounts` rejects then, since a recount can be made again.
 */
export interface Fanout {
  /** `traces`: of some of the messages, what deliveries are to join; it goes with the emit and reaches no device. */
  newMessages(messages: readonly Message[], traces?: ReadonlyMap<MessageId, string>): Promise<void>;
  messagesRead(receipts: readonly { to: readonly UserId[]; receipt: MessagesRead }[]): Promise<void>;
  unreadCounts(counts: readonly { userId: UserId; unread: UnreadCount }[]): Promise<void>;
}

/**
 * Tells the cluster which users have a connection in this process. Both calls count and never wait; what they say takes
 * effect within moments, or as soon as Redis is back. Of a process that ends without a word the cluster knows it.
 */
export interface PresenceAnnouncer {
  hold(userId: UserId): void;
  release(userId: UserId): void;
}

/** Who is online, in the whole cluster, by the rule of `presence.ts`. Volatile; never stored for good. */
export interface PresenceWatch {
  /**
   * Watches the users from now on and resolves with how they stand, in the order asked. Waits while Redis is away; who
   * does not want to wait any more calls `unwatch`. Users that are watched already stay so.
   */
  watch(userIds: readonly UserId[]): Promise<Presence[]>;
  unwatch(userId: UserId): void;
  /** Calls the listener with each change of a watched user after its first answer. */
  onChange(listener: (presence: Presence) => void): void;
}

/** Users whose badge may have changed, and the conversation that changed it. */
export interface DirtyBadge {
  userId: UserId;
  conversationId: ConversationId;
}

export interface RecountRequests {
  /**
   * Promises that each of these users will be recounted and told, by a count that starts after this call. Durable once
   * resolved. Requests for the same user coalesce.
   */
  request(badges: readonly DirtyBadge[]): Promise<void>;
}

/** The latest messages of busy conversations, close at hand. May forget anything at any time; never lies. */
export interface RecentMessages {
  append(messages: readonly Message[]): Promise<void>;
  /**
   * Messages with `fromSeq <= seq <= toSeq` in order, or undefined when the cache does not hold every one of them.
   * `isRead` of what it returns is always false: the reader derives it.
   */
  range(id: ConversationId, fromSeq: number, toSeq: number): Promise<Message[] | undefined>;
}

/** A second use of the same cache. */
export interface NewestMessages {
  /** The message with the highest seq that is at hand; undefined when there is none. */
  newest(id: ConversationId): Promise<Message | undefined>;
}

/** An accepted entry that could not be stored, kept for an operator to look at and to replay. */
export interface DeadLetter {
  /** Of a send its own id, else made from the content: the same entry is the same letter, however often it fails. */
  id: string;
  /** When it was first kept. */
  at: Date;
  /** `store`: Postgres refused it. `lane`: its job was given up. */
  source: 'store' | 'lane';
  /** Why, the last time; without a word of what the entry says. */
  reason: string;
  attempts: number;
  /** The entry as JSON; of a job that could not be read, its text as a JSON string. */
  entry: string;
}

export interface DeadLetters {
  /**
   * Keeps letters, in the order given. One that is there already gets the new reason; its attempts grow by those of
   * `store`, while those of `lane` are a total that may be reported twice.
   */
  keep(letters: readonly Omit<DeadLetter, 'at'>[]): Promise<void>;
  /** The newest, newest first; with `before`, those older than that letter. */
  newest(limit: number, before?: Pick<DeadLetter, 'id' | 'at'>): Promise<DeadLetter[]>;
  /** In no special order; an id that no letter has is left out. */
  find(ids: readonly string[]): Promise<DeadLetter[]>;
  /** How many of them were there, and are no more. */
  drop(ids: readonly string[]): Promise<number>;
  /** How many there are; counts no further than `atMost`. */
  count(atMost: number): Promise<number>;
}

/** One participant of one conversation. */
export interface CounterKey {
  conversationId: ConversationId;
  userId: UserId;
}

/** The unread counter of a participant with what it should follow from, all of one moment. */
export interface Counter extends CounterKey {
  unreadCount: number;
  lastReadSeq: number;
  lastSeq: number;
}

/** Unread counters beside the messages that they count. Messages never change, so what is counted once stays true. */
export interface UnreadAudit {
  /** The counters that follow `after` in the order of their keys (undefined: the first ones). */
  after(after: CounterKey | undefined, limit: number): Promise<Counter[]>;
  /** Those of one user, in the order of conversations. */
  ofUser(userId: UserId, after: ConversationId | undefined, limit: number): Promise<Counter[]>;
  /** In no special order; keys without a counter are left out. */
  of(keys: readonly CounterKey[]): Promise<Counter[]>;
  /** `result[i]`: messages of others than the user with `fromSeq < seq <= toSeq`. */
  count(ranges: readonly (CounterKey & { fromSeq: number; toSeq: number })[]): Promise<number[]>;
  /**
   * Sets each counter to `truth`, unless it or its read mark is no longer what was read. Returns those that were set.
   * While the mark stands a counter only grows, so an unchanged one means that no message came: `truth` still holds.
   */
  heal(drifts: readonly (Counter & { truth: number })[]): Promise<CounterKey[]>;
}
