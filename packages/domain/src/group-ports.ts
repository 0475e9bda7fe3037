import type {
  ConversationId,
  ConversationSettings,
  DeliveredMark,
  Group,
  GroupChangeEntry,
  GroupReadEntry,
  GroupSendEntry,
  MembersPage,
  Message,
  MessageChanged,
  MessageChangeEntry,
  MessagesRead,
  Rejection,
  UserId,
} from '@chat-cluster/contracts';

/*
 * Ports of groups, of changes of messages, and of settings. See ports.ts for the rules of this file.
 */

/**
 * Who receives an event of a conversation: the rooms of these users, or the room of the conversation. `only`: instead of
 * the room, the rooms of these members, because the others may not see the message.
 */
export type Audience = { users: readonly UserId[] } | { room: ConversationId; only?: readonly UserId[] };

/** An event of a conversation, to publish after its commit. Events of one conversation keep their order. */
export type ConversationEvent =
  | { type: 'message'; to: Audience; message: Message; trace?: string }
  | { type: 'changed'; to: Audience; changed: MessageChanged }
  | { type: 'read'; to: Audience; receipt: MessagesRead }
  /**
   * These users are members now, or their role or the title has changed, or they were removed: each receives
   * `conversation_changed`. `room`: their gateways join them to the room of the conversation, or remove them from it.
   * It is published to the rooms of these users, and `leave` also, in order with the messages, to the room of the
   * conversation, so that no gateway delivers later entries to a removed user.
   */
  | { type: 'membership'; conversationId: ConversationId; groups: ReadonlyMap<UserId, Group>; room?: 'join' | 'leave' };

/** The extension of {@link Fanout} for groups and changes. Implemented in packages/redis. */
export interface ConversationFanout {
  /** Publishes events in order, with few commands: one per event and room. The guarantees are those of Fanout. */
  conversationEvents(events: readonly ConversationEvent[]): Promise<void>;
}

/** An outcome of the store: the value, or the rejection of the entry, which then has changed nothing. */
export type Outcome<T> = T | Rejection;

export interface StoredGroupMessage {
  message: Message;
  duplicate: boolean;
  to: Audience;
  /** Users whose badge this message changes. */
  unreadBy: readonly UserId[];
}

export interface StoredGroupRead {
  upToSeq: number;
  readAt: Date;
  advanced: boolean;
  unreadCount: number;
  /** Undefined in a group of more than LIMITS.smallGroup members, which emits no receipts. */
  to?: Audience;
}

export interface StoredGroupChange {
  /** The entry of the sequence; undefined when the change had no effect (the same title, an absent user). */
  entry?: Message;
  duplicate: boolean;
  /** The group as `by` sees it afterwards. */
  group: Group;
  /** Receivers of the entry: the members after the change, and those that it removed. */
  to: Audience;
  /** Each user that the change affects, with the group as that user sees it. */
  groups: ReadonlyMap<UserId, Group>;
  room?: 'join' | 'leave';
  badges: readonly UserId[];
}

export interface StoredMessageChange {
  /** The message after the change, without `mine`. */
  message: Message;
  /** Undefined when the change had no effect: the same reaction again, a deleted message again. */
  changed?: MessageChanged;
  to: Audience;
  /** Users whose badge may have changed (a deleted message was unread). */
  badges: readonly UserId[];
}

/**
 * The part of the store for groups and changes; the guarantees of MessageStore hold. Each call handles the entries of
 * *one* conversation in their order, in one transaction, and checks the rights of each entry against the state after
 * the entry before it. `result[i]` belongs to `entries[i]`. Idempotent by `clientMessageId`, `changeId`, or by nature.
 */
export interface ConversationWrites {
  apply(
    entries: readonly (GroupSendEntry | GroupReadEntry | GroupChangeEntry | MessageChangeEntry)[],
  ): Promise<Outcome<StoredGroupMessage | StoredGroupRead | StoredGroupChange | StoredMessageChange>[]>;
}

/** Reads of groups and changes for a user, by one query each. Undefined: the user may not see it, or it does not exist. */
export interface GroupReads {
  group(userId: UserId, id: ConversationId): Promise<Group | undefined>;
  /** Members in the order of their ids. Only for members. */
  members(
    userId: UserId,
    id: ConversationId,
    limit: number,
    cursor: string | undefined,
  ): Promise<MembersPage | undefined>;
  /** Versions of a message before its edits, oldest first. */
  versions(id: ConversationId, seq: number): Promise<{ content: string | null; editedAt: string; editedBy: UserId }[]>;
  /** Users who reacted with the emoji, in the order of their reactions, at most `limit`. */
  reactors(id: ConversationId, seq: number, emoji: string, limit: number): Promise<UserId[]>;
  /** Members who have read the message, and the number of members. */
  readers(id: ConversationId, seq: number, limit: number): Promise<{ userIds: UserId[]; count: number; of: number }>;
  /** `seq` and emojis of the reactions of the user to these messages. */
  ownReactions(userId: UserId, id: ConversationId, seqs: readonly number[]): Promise<ReadonlyMap<number, string[]>>;
  /** Messages with `seq <= upToSeq` and `rev > afterRev`, by `rev`, and the last `rev` of the conversation. */
  changes(
    id: ConversationId,
    after: { afterRev: number; upToSeq: number; limit: number },
  ): Promise<{ messages: Message[]; lastRev: number }>;
}

/** Settings of users, written by gateways without a lane. Each call is one statement and idempotent. */
export interface Settings {
  /** Undefined: the user is not in the conversation. */
  setConversation(
    userId: UserId,
    id: ConversationId,
    settings: Partial<ConversationSettings>,
  ): Promise<ConversationSettings | undefined>;
  setBlock(userId: UserId, other: UserId, blocked: boolean): Promise<void>;
  blockedBy(userId: UserId): Promise<UserId[]>;
  /** Whether one of the two has blocked the other; `result[i]` belongs to `pairs[i]`. */
  areBlocked(pairs: readonly (readonly [UserId, UserId])[]): Promise<boolean[]>;
  /**
   * Moves the delivered marks of the user forward, and returns the marks that moved with the users to notify: the other
   * participants, up to LIMITS.smallGroup. Conversations that the user is not in are ignored.
   */
  markDelivered(
    userId: UserId,
    marks: readonly { id: ConversationId; upToSeq: number }[],
  ): Promise<{ receipt: DeliveredMark; to: UserId[] }[]>;
}

export interface MemberCountsKey {
  conversationId: ConversationId;
  userId: UserId;
}

/** What a member stores for the arithmetic of unread messages, and the truth by its messages, read at one moment. */
export interface MemberCounts extends MemberCountsKey {
  /** Differs after each write of what the member stores. */
  version: string;
  stored: MemberCountValues;
  truth: MemberCountValues;
}

export interface MemberCountValues {
  /** Messages of the group up to the read mark. */
  readCounted: number;
  /** Own messages after the read mark. */
  ownAfter: number;
  /** Messages after the read mark that mention the user by id. */
  mentions: number;
}

/** The counts of members of groups and the messages they follow from. */
export interface MemberAudit {
  /** Members after the key `after`, in the order of their keys; undefined: from the first one. */
  after(after: MemberCountsKey | undefined, limit: number): Promise<MemberCounts[]>;
  /** Memberships of one user, in the order of groups. */
  ofUser(userId: UserId, after: ConversationId | undefined, limit: number): Promise<MemberCounts[]>;
  /** Members with these keys, in no particular order; keys without a member are omitted. */
  of(keys: readonly MemberCountsKey[]): Promise<MemberCounts[]>;
  /** Sets the counts to `truth`, except those that have changed since they were read. Returns the keys of those it set. */
  heal(drifts: readonly MemberCounts[]): Promise<MemberCountsKey[]>;
}
