/*
 * The types of the wire contract in the published package, in place of those of packages/contracts, which are derived
 * from schemas: an application needs no schema library to compile. packages/client/test/contract-types.test.ts compares
 * them with the contract. The build replaces the import and fails if a type is missing here.
 * Longer than 250 lines on purpose: the types are published as one file.
 */

/** A string with a name. A plain string is accepted; the id of something else is not. */
type Id<Name extends string> = string & { readonly __id?: Name };

/** Id of a user in the application that signs the tokens: 1 to 64 printable characters. */
export type UserId = Id<'UserId'>;
/** UUID of a conversation. */
export type ConversationId = Id<'ConversationId'>;
/** UUID of a stored message, assigned by the server. */
export type MessageId = Id<'MessageId'>;
/** Id that the sender gives a message: a resend under the same id is stored once. */
export type ClientMessageId = Id<'ClientMessageId'>;
/** Identity of the history in the database; another one after a restore. */
export type StoreEpoch = Id<'StoreEpoch'>;

/** A file stored elsewhere; the server never fetches it. */
export interface Attachment {
  /** An absolute https URL, at most 2,048 characters. */
  url: string;
  type: 'IMAGE' | 'PDF';
}

/** A stored message. */
export interface Message {
  id: MessageId;
  conversationId: ConversationId;
  /** Position in the conversation, without gaps: 1, 2, 3 … */
  seq: number;
  senderId: UserId;
  /** The other participant. Absent in a group. */
  receiverId?: UserId | undefined;
  clientMessageId: ClientMessageId;
  content: string | null;
  attachments: Attachment[];
  /** The receiver has read up to this message or beyond. Always false in a group. */
  isRead: boolean;
  /** Commit time, ISO 8601. */
  createdAt: string;
  /** Only in an entry about the group itself. `senderId` is the user who did it. */
  system?: SystemEntry | undefined;
  replyTo?: ReplyTo | undefined;
  /** The mentioned members. */
  mentions?: UserId[] | undefined;
  /** All members are mentioned. */
  mentionsAll?: true | undefined;
  /** In the order of the first reaction of each emoji. */
  reactions?: Reaction[] | undefined;
  /** Time of the last edit, ISO 8601. */
  editedAt?: string | undefined;
  /** Deleted: `content` is null, without attachments. */
  deletedAt?: string | undefined;
  deletedBy?: UserId | undefined;
  /** Number of the last change of this message; changes of a conversation are counted 1, 2, 3 … */
  rev?: number | undefined;
}

/** The message that a message replies to, as it was when the reply was sent, or deleted since. */
export interface ReplyTo {
  seq: number;
  senderId: UserId;
  /** Its first characters, at most 100. */
  text: string | null;
  /** The quoted message was deleted: `text` is null. */
  deleted?: true | undefined;
}

/** The reactions to a message with one emoji. `mine`: the user is among them. */
export interface Reaction {
  emoji: string;
  count: number;
  mine?: boolean | undefined;
}

/** What a member of a group may do: owners all, admins all but to change roles and to remove owners and admins. */
export type Role = 'owner' | 'admin' | 'member';

/** What happened to a group. */
export type SystemEntry =
  | { type: 'created'; title: string; userIds: UserId[] }
  | { type: 'added'; userIds: UserId[] }
  | { type: 'removed'; userIds: UserId[] }
  | { type: 'left'; newOwnerId?: UserId | undefined }
  | { type: 'renamed'; title: string }
  | { type: 'role'; userIds: UserId[]; role: Role };

/** How much of the earlier messages a new member sees: all, none, or those since a time (ISO 8601). */
export type VisibleHistory = 'all' | 'none' | { since: string };

/** A change of a group. */
export type GroupChange =
  | { type: 'add'; userIds: UserId[]; history: VisibleHistory }
  | { type: 'remove'; userId: UserId }
  | { type: 'leave' }
  | { type: 'rename'; title: string }
  | { type: 'role'; userId: UserId; role: Role };

/** Entries of a group that the user may see; `toSeq` null: and all later ones. */
export interface Window {
  fromSeq: number;
  toSeq: number | null;
}

/** A group as a member, or former member, sees it. */
export interface GroupOfMember {
  title: string;
  /** The own role; null after the user has left or was removed. */
  role: Role | null;
  memberCount: number;
  /** In order, without overlap. */
  windows: Window[];
}

/** A group. */
export interface Group extends GroupOfMember {
  id: ConversationId;
  kind: 'group';
  createdAt: string;
  /** The last entry that the user may see. */
  lastSeq: number;
}

/** A member of a group. `upToSeq`: the read mark. */
export interface Member {
  userId: UserId;
  role: Role;
  joinedAt: string;
  upToSeq: number;
  readAt: string | null;
}

/** One page of the members of a group, in the order of their ids. */
export interface MembersPage {
  members: Member[];
  /** `cursor` of the next page; null: this is the last one. */
  nextCursor: string | null;
}

/** Settings that the user has for one conversation, on all devices. */
export interface ConversationSettings {
  /** Unread messages count in `mutedCount` instead of the badge. */
  muted: boolean;
  /** Hidden from lists until the next message. */
  archived: boolean;
  /** Shown as unread; the read mark does not move back. */
  markedUnread: boolean;
}

/** Codes of the errors of the server. */
export type ErrorCode =
  | 'TOKEN_MISSING'
  | 'TOKEN_INVALID'
  | 'TOKEN_EXPIRED'
  | 'TOKEN_REVOKED'
  | 'ORIGIN_NOT_ALLOWED'
  | 'FORBIDDEN'
  | 'VALIDATION_FAILED'
  | 'CONVERSATION_NOT_FOUND'
  | 'MESSAGE_NOT_FOUND'
  | 'MEMBER_NOT_FOUND'
  | 'TOO_LATE'
  | 'NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'UNKNOWN_EVENT'
  | 'REJECTED'
  | 'LIMIT_EXCEEDED'
  | 'RATE_LIMITED'
  | 'OVERLOADED'
  | 'TIMEOUT'
  | 'UNAVAILABLE';

/** An error of the server. */
export interface ErrorPayload {
  code: ErrorCode;
  message: string;
  /** The same request may succeed later. */
  retryable: boolean;
  /** Wait at least this long, in ms. */
  retryAfterMs?: number | undefined;
}

/** The direct conversation of two users. */
export interface Conversation {
  id: ConversationId;
  kind: 'direct';
  participantIds: UserId[];
  createdAt: string;
}

/** A conversation as its participant sees it in a list. */
export interface ConversationSummary {
  id: ConversationId;
  /** The other participant. Absent for a group. */
  otherUserId?: UserId | undefined;
  group?: GroupOfMember | undefined;
  lastMessage: Message | null;
  unreadCount: number;
  /** Unread messages that mention the user; absent: none. */
  mentionCount?: number | undefined;
  lastSeq: number;
  /** Number of the last change; absent without changes. */
  lastRev?: number | undefined;
  /** Absent while all of them have their defaults. */
  settings?: ConversationSettings | undefined;
  /** Time of the last activity, ISO 8601. */
  updatedAt: string;
}

/** One page of conversations, newest activity first. */
export interface ConversationsPage {
  epoch: StoreEpoch;
  conversations: ConversationSummary[];
  /** `cursor` of the next page; null: this is the last one. */
  nextCursor: string | null;
}

/** Body of an HTTP error. */
export interface Problem {
  error: ErrorPayload;
}

/** The ack of a request that had no effect. */
export interface FailureAck {
  ok: false;
  error: ErrorPayload;
}

/** The message is stored. `duplicate`: it was stored by an earlier request with the same client message id. */
export interface SendAck {
  ok: true;
  message: Message;
  duplicate: boolean;
}

/** The read mark is stored. `unread.count` covers all conversations. */
export interface ReadAck {
  ok: true;
  conversationId: ConversationId;
  upToSeq: number;
  unread: { count: number };
}

/** What a device has missed of a conversation: messages in order and without a gap. */
export interface SyncedConversation {
  id: ConversationId;
  messages: Message[];
  lastSeq: number;
  hasMore: boolean;
  readMarks: { userId: UserId; upToSeq: number; readAt: string | null }[];
  deliveredMarks?: { userId: UserId; upToSeq: number }[] | undefined;
  /** Only if the request has `afterRev`: messages up to `afterSeq` that have changed since, by `rev`. */
  changed?: Message[] | undefined;
  lastRev?: number | undefined;
  hasMoreChanges?: true | undefined;
  group?: GroupOfMember | undefined;
  settings?: ConversationSettings | undefined;
}

/** The message after its change. */
export interface ChangeMessageAck {
  ok: true;
  message: Message;
}

/** The group after its change. */
export interface GroupAck {
  ok: true;
  group: Group;
}

/** All settings of the conversation. */
export interface SettingsAck {
  ok: true;
  settings: ConversationSettings;
}

/** Committed state. Everything later arrives as an event. */
export interface SyncAck {
  ok: true;
  epoch: StoreEpoch;
  conversations: SyncedConversation[];
  /** Requested ids of conversations that the user does not take part in. */
  notFound: ConversationId[];
  hasMore: boolean;
  unread: { count: number; conversations: { conversationId: ConversationId; count: number }[] };
  feed?: SyncFeed | undefined;
}

/** Conversations with activity since the `since` of the request, oldest activity first. */
export interface SyncFeed {
  conversations: FeedEntry[];
  /** Goes into the next request. */
  since: string;
  hasMore: boolean;
  /** `since` of the request belongs to another epoch: the feed begins anew. */
  reset?: true | undefined;
}

/** A conversation with activity, without its messages except the last. */
export interface FeedEntry extends ConversationSummary {
  readMarks: SyncedConversation['readMarks'];
}

/** The current presence of the watched users, in the order of the request. */
export interface WatchPresenceAck {
  ok: true;
  presence: Presence[];
}

/** The connection continues until the new token expires. */
export interface RefreshTokenAck {
  ok: true;
  expiresInMs: number;
}

/** Whether a user is online. `lastSeenAt`: end of the last connection of an offline user, if known. */
export interface Presence {
  userId: UserId;
  online: boolean;
  lastSeenAt?: string | undefined;
}

/** First event after each connect. */
export interface Session {
  userId: UserId;
  connectionId: string;
  gatewayId: string;
  serverTime: string;
  epoch: StoreEpoch;
}

/** The badge, and the counts of the conversations that may have changed. */
export interface UnreadCount {
  count: number;
  conversations?: { conversationId: ConversationId; count: number }[] | undefined;
  mutedCount?: number | undefined;
  mentionCount?: number | undefined;
}

/** A message was edited or deleted, or has other reactions. */
export interface MessageChanged {
  conversationId: ConversationId;
  seq: number;
  rev: number;
  by: UserId;
  at: string;
  edited?: { content: string | null; mentions?: UserId[] | undefined } | undefined;
  deleted?: true | undefined;
  reactions?: Reaction[] | undefined;
  reacted?: { emoji: string; on: boolean } | undefined;
  /** Numbers of earlier changes that this event also contains, and that no other event has. */
  covers?: number[] | undefined;
}

/** The group as the user sees it now, or settings that another device has changed. */
export interface ConversationChanged {
  conversationId: ConversationId;
  group?: GroupOfMember | undefined;
  settings?: ConversationSettings | undefined;
}

/** A device of this user has blocked `userId`, or ended the block. */
export interface BlockChanged {
  userId: UserId;
  blocked: boolean;
}

/** A device of `userId` has the messages up to `upToSeq`. */
export interface DeliveredMark {
  conversationId: ConversationId;
  userId: UserId;
  upToSeq: number;
}

/** Delivered marks of other users, collected for a moment. */
export interface MessagesDelivered {
  marks: DeliveredMark[];
}

/** `userId` has read up to `upToSeq`. */
export interface MessagesRead {
  conversationId: ConversationId;
  userId: UserId;
  upToSeq: number;
  readAt: string;
}

/** The gateway closes this connection after `reconnectInMs`. */
export interface ServerDraining {
  reconnectInMs: number;
}

/** The other participant is typing, or has stopped. */
export interface Typing {
  conversationId: ConversationId;
  userId: UserId;
  typing: boolean;
}

/** Events of clients. */
export type ClientEvent =
  | 'send_message'
  | 'read_messages'
  | 'sync'
  | 'edit_message'
  | 'delete_message'
  | 'set_reaction'
  | 'mark_delivered'
  | 'create_group'
  | 'change_group'
  | 'set_conversation'
  | 'set_block'
  | 'watch_presence'
  | 'unwatch_presence'
  | 'typing'
  | 'refresh_token';

/** Events of the server. */
export interface ServerToClientEvents {
  session(payload: Session): void;
  new_message(payload: Message): void;
  unread_count(payload: UnreadCount): void;
  message_changed(payload: MessageChanged): void;
  conversation_changed(payload: ConversationChanged): void;
  block_changed(payload: BlockChanged): void;
  messages_delivered(payload: MessagesDelivered): void;
  messages_read(payload: MessagesRead): void;
  sync_required(payload: { reason: 'fanout_gap' | 'store_restored' }): void;
  server_draining(payload: ServerDraining): void;
  presence(payload: Presence): void;
  typing(payload: Typing): void;
  token_expiring(payload: { expiresInMs: number }): void;
  session_ended(payload: { error: ErrorPayload }): void;
  exception(payload: { event: string; error: ErrorPayload }): void;
}

export type ServerEvent = keyof ServerToClientEvents;
