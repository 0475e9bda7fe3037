/*
 * Longer than 250 lines on purpose: the whole public interface of the library, in the order in which an application meets it.
 */
import type {
  Attachment,
  ClientMessageId,
  ConversationId,
  ConversationSettings,
  ErrorPayload,
  GroupOfMember,
  Message,
  StoreEpoch,
  UserId,
} from '@chat-cluster/contracts';
import type { Clock } from './core/seams.ts';

export type { Clock } from './core/seams.ts';

/** Where the client stands. `since`: time of the last change, in ms since 1970. */
export interface ChatStatus {
  /**
   * `idle`: `connect` was not called. `connecting`: a connection is being made. `catching_up`: connected, and missed
   * messages are being loaded. `live`: connected and up to date. `waiting`: not connected; the next attempt is at
   * `nextAttemptAt`, or when the page is visible or online again. `unauthorized`: there is no valid token; `connect`
   * tries again. `signed_out`: `getToken` returned null; `connect` tries again. `closed`: `close` was called.
   */
  state: 'idle' | 'connecting' | 'catching_up' | 'live' | 'waiting' | 'unauthorized' | 'signed_out' | 'closed';
  since: number;
  /** Failed attempts since the last connection. */
  attempt: number;
  /** Time of the next attempt, in ms since 1970. */
  nextAttemptAt?: number;
  /** The user and the gateway of the current connection. */
  userId?: UserId;
  gatewayId?: string;
  /** The reason of the last failed attempt or lost connection. */
  error?: ChatError;
}

/** An error with a code: one of the server's table, or one of the library's own. */
export interface ChatError {
  code: ErrorPayload['code'] | LocalErrorCode;
  /** A sentence that states what to do. */
  message: string;
  retryable: boolean;
}

/**
 * `CONNECTION_LOST`: no connection, or it was lost. `GET_TOKEN_FAILED`: `getToken` threw. `EXPIRED_IN_OUTBOX`: a message
 * was not sent within its time. `OUTBOX_FULL`: too many unsent messages. `STORE_FAILED`: the store cannot be used, and
 * the client goes on in memory. `LISTENER_FAILED`: a listener of the application threw. `DISCARDED`: the message was
 * removed by `discard`.
 */
export type LocalErrorCode =
  | 'CONNECTION_LOST'
  | 'GET_TOKEN_FAILED'
  | 'EXPIRED_IN_OUTBOX'
  | 'OUTBOX_FULL'
  | 'STORE_FAILED'
  | 'LISTENER_FAILED'
  | 'DISCARDED';

/** A message of this user that is not stored yet, or was just stored, as the application shows it. */
export interface OutgoingMessage {
  readonly clientMessageId: ClientMessageId;
  readonly conversationId: ConversationId;
  readonly content: string | null;
  readonly attachments: readonly Attachment[];
  /** When the user sent it, in ms since 1970, by the clock of this device. */
  readonly sentAt: number;
  readonly status: 'queued' | 'sending' | 'failed';
  /** Why it failed. A retryable one may be sent again with `retry`. */
  readonly error?: ChatError;
  /** With the extension for groups: see `FullDraft`. */
  readonly replyToSeq?: number;
  readonly mentions?: readonly UserId[];
  readonly mentionsAll?: true;
}

/** A stored message, or one in the outbox, in the order in which a conversation shows them. */
export type ShownMessage =
  | (Message & {
      readonly status: 'stored' | 'read';
      /** Own changes of it are under way, and shown already. With the extension for groups. */
      readonly isChanging?: true;
    })
  | (OutgoingMessage & { readonly seq?: undefined });

/** What `send` returns: `status` and `error` are current at each read. */
export interface SentMessage {
  readonly clientMessageId: ClientMessageId;
  readonly status: 'queued' | 'sending' | 'stored' | 'read' | 'failed' | 'discarded';
  readonly error: ChatError | undefined;
  /**
   * Resolves with the stored message. Rejects with an Error that has the `code` of the failure when the message failed
   * or was discarded. A message that is retried after a failure has a new promise. Its rejection may be ignored.
   */
  readonly stored: Promise<Message>;
}

/** Messages that the server has and this device has not loaded: `fromSeq` to `toSeq`, both included. */
export interface Hole {
  readonly fromSeq: number;
  readonly toSeq: number;
}

/** The messages of an open conversation, as an immutable snapshot: another object after each change. */
export interface MessagesSnapshot {
  /** Stored messages by `seq`, then the outbox in its order. */
  readonly messages: readonly ShownMessage[];
  /** Sequence ranges inside and after the window that are not loaded; `loadHole` loads one. */
  readonly holes: readonly Hole[];
  /** Older messages exist on the server; `loadOlder` loads them. */
  readonly hasOlder: boolean;
  readonly isLoading: boolean;
}

/** A conversation in the list, as an immutable snapshot. */
export interface ConversationSnapshot {
  readonly id: ConversationId;
  /** Absent for a group. */
  readonly otherUserId?: UserId | undefined;
  readonly lastMessage: Message | null;
  readonly lastSeq: number;
  readonly unreadCount: number;
  /** How far each participant has read. In a group of more than 32 members only the user. */
  readonly readMarks: Readonly<Record<UserId, number>>;
  /** Time of the last activity, in ms since 1970, by the clock of the server. */
  readonly updatedAt: number;
  /** With the extension for groups: the group, as this user sees it. Absent for a direct conversation. */
  readonly group?: GroupOfMember | undefined;
  /** With the extension for groups. Absent while all of them have their defaults. */
  readonly settings?: ConversationSettings | undefined;
  /** With the extension for groups: unread messages that mention the user; absent for none. */
  readonly mentionCount?: number | undefined;
  /** With the extension for groups: up to where the devices of the others have the messages, as far as known. */
  readonly deliveredMarks?: Readonly<Record<UserId, number>> | undefined;
  /** With the extension for groups: number of the last change that this device knows. */
  readonly rev?: number | undefined;
}

/** A value that changes, for `useSyncExternalStore` and others. `get` returns the same object until it changes. */
export interface Observable<T> {
  get(): T;
  /** Calls `listener` after each change. Returns a function that ends it. */
  subscribe(listener: () => void): () => void;
}

/** The conversations of the user, newest activity first. */
export interface ConversationList extends Observable<readonly ConversationSnapshot[]> {
  /** More conversations exist on the server. */
  readonly hasMore: boolean;
  /** Loads the next page of older conversations. One request at a time; rejects with a coded error. */
  loadMore(): Promise<void>;
}

/** What the application sends. At least visible text or one attachment. */
export interface DraftMessage {
  content?: string | null;
  attachments?: readonly Attachment[];
  /** Default: a new random id. */
  clientMessageId?: string;
}

/** A conversation: its messages, and what the user does in it. */
export interface Conversation {
  readonly id: ConversationId;
  readonly messages: Observable<MessagesSnapshot>;
  /**
   * Loads `count` older messages (default 50, at most 500). In a full window they take the place of the newest ones, and
   * later messages do not enter it: those lie in a hole at its end, until it is loaded.
   */
  loadOlder(count?: number): Promise<void>;
  /**
   * Loads messages of a hole, from its newer end (default 200, at most 500). A part of a hole is one too: its begin is what
   * follows in a list that is scrolled down.
   */
  loadHole(hole: Hole, count?: number): Promise<void>;
  /**
   * Puts a message into the outbox and returns at once, also without a connection. Throws a TypeError for a draft that
   * the server would never accept.
   */
  send(draft: DraftMessage | string): SentMessage;
  /** Sends a failed message again, with the same id. */
  retry(clientMessageId: string): SentMessage;
  /** Removes a message from the outbox that is not under way. */
  discard(clientMessageId: string): void;
  /**
   * The newest message is on the screen. Marks it as read while the page is visible, at most once per second; otherwise
   * when the page becomes visible again. From now on the oldest messages make room for new ones.
   */
  read(): void;
  /** The user types (`true`: call it on each key) or has stopped. */
  typing(isTyping: boolean): void;
  /** Frees the window of messages; the last message stays in the list. The outbox is not affected. */
  release(): void;
}

/** The events of a client. Each is called after the state has changed. */
export interface ChatEvents {
  status: ChatStatus;
  /** A message that this device did not have: by event, ack or sync, exactly once, in the order of `seq` per conversation. */
  message: Message;
  /** A conversation of the list has changed or is new. */
  conversation: ConversationSnapshot;
  /** The unread total, as the server counts it. */
  badge: number;
  read: { conversationId: ConversationId; userId: UserId; upToSeq: number; readAt: string };
  typing: { conversationId: ConversationId; userId: UserId; typing: boolean };
  presence: { userId: UserId; online: boolean; lastSeenAt?: string | undefined };
  /** A message of the outbox has another status. `stored`: it left the outbox. */
  outbox: { message: OutgoingMessage; status: SentMessage['status']; stored?: Message };
  /**
   * The application's view has a break: messages that are not loaded lie in a hole (`backlog`), or the history was
   * replaced after a restore and everything was loaded again (`epoch`, without conversations: all of them).
   */
  discontinuity: { reason: 'backlog' | 'epoch'; conversationId?: ConversationId };
  /** A problem that no call returns. */
  error: ChatError;
}

/** The name of an event. */
export type ChatEvent = keyof ChatEvents;

/** One user on one device: connects, catches up, sends, and shows what the server has. `createChatClient` creates it. */
export interface ChatClient {
  readonly status: ChatStatus;
  /** The last `unread_count`; undefined before the first connection of this user, and after `signOut`. */
  readonly badge: number | undefined;
  readonly conversations: ConversationList;
  /** Connects, also from `unauthorized`, `signed_out` and `idle`. Without effect while connected. Throws after `close`. */
  connect(): void;
  /**
   * Ends the connection, and all timers and listeners. The outbox stays in the store: another client with this store
   * sends it. Resolves when the store is written.
   */
  close(): Promise<void>;
  /** Deletes what is stored for this user, also its unsent messages, and closes. */
  signOut(): Promise<void>;
  on<E extends ChatEvent>(event: E, listener: (value: ChatEvents[E]) => void): () => void;
  /** Opens the conversation with a user, creating it if need be. Rejects with a coded error. */
  direct(userId: string): Promise<Conversation>;
  /** The conversation with this id. Its messages are loaded when the client is connected. */
  conversation(id: string): Conversation;
  /**
   * Watches whether users are online, over reconnects. Returns a function that ends it. Users watched several times
   * are watched until each has ended.
   */
  watch(userIds: readonly string[]): () => void;
  /** The last known presence of a watched user. */
  presenceOf(userId: string): ChatEvents['presence'] | undefined;
  /** What is not stored yet, over all conversations, oldest first. */
  readonly outbox: Observable<readonly OutgoingMessage[]>;
  /**
   * Resolves when the client is live and no message waits in the outbox (failed ones do not wait). Rejects when it is
   * closed, unauthorized or signed out first.
   */
  settled(): Promise<void>;
}

/** Why a token is needed. `rejected`: the server did not accept the last one. */
export type TokenReason = 'first' | 'expiring' | 'expired' | 'rejected';

/**
 * Returns a JWT for the user of this client. Called for one token at a time, and never because of a network failure.
 * null: no user is signed in. Throw `Unauthorized` to stop for good; anything else that it throws is tried again.
 * `signal` is aborted when the token is no longer needed, and after 30 s.
 */
export type GetToken = (request: {
  reason: TokenReason;
  signal: AbortSignal;
}) => Promise<string | null> | string | null;

/** Receives what a developer wants to read. `console` is one. */
export interface Logger {
  debug(message: string, details?: object): void;
  warn(message: string, details?: object): void;
  error(message: string, details?: object): void;
}

/** What a store keeps of one user of one server. All ids are unique within it. */
export interface StoredState {
  version: 1;
  epoch?: StoreEpoch;
  /** `since` of the last feed. */
  since?: string;
  /** The feed up to `since` was taken in with groups. */
  hasGroups?: boolean;
  badge?: number;
  conversations: ConversationSnapshot[];
  outbox: StoredOutgoing[];
}

/** A message of the outbox at rest. `order` sorts the outbox. */
export interface StoredOutgoing {
  clientMessageId: ClientMessageId;
  conversationId: ConversationId;
  content: string | null;
  attachments: readonly Attachment[];
  sentAt: number;
  order: number;
  error?: ChatError;
  replyToSeq?: number;
  mentions?: readonly UserId[];
  mentionsAll?: true;
}

/** Changes that a store applies together or not at all. Absent fields do not change. */
export interface StoreChange {
  epoch?: StoreEpoch;
  since?: string;
  hasGroups?: boolean;
  badge?: number;
  conversations?: ConversationSnapshot[];
  /** Conversations that are not kept any more: the user is not in them. */
  forgotten?: ConversationId[];
  outbox?: StoredOutgoing[];
  /** Client message ids that leave the outbox. */
  removed?: ClientMessageId[];
  /** First deletes conversations, `since` and badge: the history was replaced. The outbox stays. */
  discard?: boolean;
}

/**
 * Keeps the state of users over restarts. A client opens one key (origin and user) at a time. It does not wait for one
 * call before the next: they take effect in the order in which they are made. Each method may reject; the client then
 * goes on in memory and emits `error` with STORE_FAILED.
 */
export interface ChatStore {
  /** Reads all that is kept under `key`; undefined for none, and for data of another version. */
  load(key: string): Promise<StoredState | undefined>;
  /**
   * Applies a change in one transaction. `conversation.send` calls it before its task ends: a store that hands the change
   * over at once, without reading first, keeps messages that are sent just before the page or the process ends.
   */
  write(key: string, change: StoreChange): Promise<void>;
  /** Deletes everything under `key`. */
  delete(key: string): Promise<void>;
  /** Releases what it holds. */
  close?(): Promise<void> | void;
}

/**
 * The part of a socket of socket.io-client that the library uses. For tests: `createFakeCluster().socket`.
 */
export interface ChatSocket {
  readonly id?: string | undefined;
  readonly connected: boolean;
  /** Registers for `connect`, `disconnect` (reason), `connect_error` (error with `data`) and the server's events. */
  // biome-ignore lint/suspicious/noExplicitAny: the listeners of socket.io-client.
  on(event: string, listener: (...args: any[]) => void): unknown;
  /** Removes all listeners. */
  off(): unknown;
  connect(): unknown;
  disconnect(): unknown;
  emit(event: string, payload: unknown, acknowledge?: (ack: unknown) => void): unknown;
}

/** Opens a socket that does not connect, nor reconnect, by itself. `auth` is called at each attempt. */
export type OpenSocket = (
  url: string,
  options: { auth: (send: (data: { token: string; protocol?: number }) => void) => void },
) => ChatSocket;

/** The page, or nothing of it: outside of a browser every member is absent. A seam for tests and for React Native. */
export interface Page {
  /** False: in the background. */
  isVisible?(): boolean;
  isOnline?(): boolean;
  /**
   * Calls `listener` on each change. `hide`: the page may be frozen or ended at any time (`pagehide`). `show`: it is used
   * again (`pageshow`, `resume`). Returns a function that ends it.
   */
  listen?(listener: (change: 'visible' | 'hidden' | 'online' | 'offline' | 'show' | 'hide') => void): () => void;
  /**
   * Calls `hold` when this tab may send for the user; the lock is kept until the returned promise of `hold` resolves.
   * `signal` ends the wait. Absent: each tab sends its own messages.
   */
  lock?(name: string, signal: AbortSignal, hold: () => Promise<void>): Promise<void>;
  /** Opens a channel to the other tabs of this origin. */
  channel?(name: string, receive: (message: unknown) => void): { post(message: unknown): void; close(): void };
}

/** An extension of the client: `groups` of `@chat-cluster/client/groups`. What is inside changes with any version. */
export interface ChatExtension<Client extends ChatClient = ChatClient> {
  /** Called once for each client. Returns the same object, with what the extension adds. */
  readonly extend: (client: ChatClient, inner: never) => Client;
}

/** What `createChatClient` needs to know. `url` and `getToken` are required. */
export interface ChatClientOptions<Client extends ChatClient = ChatClient> {
  /** Origin of the server, such as `https://chat.example.com`. */
  url: string;
  getToken: GetToken;
  /**
   * Default: none; unsent messages end with the page, or when another user signs in. In a browser: `indexedDbStore()`
   * of `@chat-cluster/client/indexeddb`.
   */
  store?: ChatStore;
  /** Default: nothing is logged. */
  logger?: Logger;
  socket?: OpenSocket;
  /** Default: the page of the browser; nothing in Node. */
  page?: Page;
  /** `groups` of `@chat-cluster/client/groups`. Default: none; conversations that are groups are ignored. */
  extension?: ChatExtension<Client>;
  /** Default: the clock and the timers of the platform. A seam for tests. */
  clock?: Clock;
  /** Default: `fetch` of the platform. Used to open and to list conversations. */
  fetch?: typeof fetch;
  /**
   * Messages kept of an open conversation, at most (default 500, at least 100). Beyond, those far from where the application
   * reads are dropped, and can be loaded again.
   */
  windowSize?: number;
  /** Unsent messages of this client (default 1,000). */
  maxOutbox?: number;
  /** Age after which an unsent message fails with EXPIRED_IN_OUTBOX, in ms (default 24 h). */
  maxOutboxAgeMs?: number;
  /**
   * Messages of one conversation that may be on their way at a time (default 1). With more, a message that is refused
   * and sent again may be stored after later ones.
   */
  maxSending?: number;
  /** Missed messages of a conversation beyond which they are not replayed but lie in a hole (default 500). */
  maxBacklog?: number;
}
