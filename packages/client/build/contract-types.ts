/*
 * The types of the wire contract in the published package, in place of those of packages/contracts, which are derived
 * from schemas: an application needs no schema library to compile. packages/client/test/contract-types.test.ts compares
 * them with the contract. The build replaces the import and fails if a type is missing here.
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
  /** An http or https URL, at most 2,048 characters. */
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
  receiverId: UserId;
  clientMessageId: ClientMessageId;
  content: string | null;
  attachments: Attachment[];
  /** The receiver has read up to this message or beyond. */
  isRead: boolean;
  /** Commit time, ISO 8601. */
  createdAt: string;
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
  otherUserId: UserId;
  lastMessage: Message | null;
  unreadCount: number;
  lastSeq: number;
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
  | 'watch_presence'
  | 'unwatch_presence'
  | 'typing'
  | 'refresh_token';

/** Events of the server. */
export interface ServerToClientEvents {
  session(payload: Session): void;
  new_message(payload: Message): void;
  unread_count(payload: UnreadCount): void;
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
