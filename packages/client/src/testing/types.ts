import type { Conversation, ConversationSettings, Group, GroupChange, Message } from '@chat-cluster/contracts';
import type { ChatClientOptions, OpenSocket } from '../types.ts';
import type { FakeDelivery, FakeScope } from './deliveries.ts';
import type { ErrorCode } from './errors.ts';
import type { FakeBackup, FakeCounts } from './history.ts';
import type { FakeMessageChange } from './message-changes.ts';
import type { FakeRefusal, FakeRequest } from './refusals.ts';

export interface FakeClusterOptions {
  /** Number of gateways (default 2). Connections go to them in turn. */
  gateways?: number;
  /** Lifetime of tokens, in ms (default one hour). */
  tokenLifetimeMs?: number;
  /** Time before the expiry of a token at which `token_expiring` is sent, in ms (default 60,000). */
  tokenExpiringMs?: number;
  /** Time from the last connection of a user until watchers see the user offline, in ms (default 6,000). */
  offlineAfterMs?: number;
  /** Caps of groups (default 1,000 members, 1,000 groups of a user, 100 users of one request). */
  maxGroupMembers?: number;
  maxGroupsPerUser?: number;
  maxUsersPerAdd?: number;
  /** Times within which senders edit and delete their messages, in ms (default 900,000). 0: never. */
  editWindowMs?: number;
  deleteWindowMs?: number;
  /**
   * Default: the time stands still, from the moment of the call, until `advance` is called. `platform`: the clock and the
   * timers of the platform; call `close` at the end.
   */
  time?: 'manual' | 'platform';
}

/** What a client has sent to the cluster. */
export interface FakeRequestRecord {
  readonly user: string;
  readonly request: FakeRequest;
  readonly payload: unknown;
}

/** One open connection, as the server sees it. */
export interface FakeConnectionInfo {
  readonly id: string;
  readonly userId: string;
  readonly gatewayId: string;
}

/** A message of another user, or of another device. */
export interface FakeSend {
  from: string;
  /** The other participant; the conversation is opened if need be. */
  to?: string;
  /** Instead of `to`: the conversation, such as a group. */
  conversationId?: string;
  content: string | null;
  attachments?: Message['attachments'];
  clientMessageId?: string;
  replyToSeq?: number;
  mentions?: readonly string[];
  mentionsAll?: boolean;
}

/**
 * An in-memory chat cluster for tests of applications. It speaks the protocol of the real one, and every fault is under
 * control of the test. Nothing leaves the process, no port is opened, and nothing happens without an order:
 *
 *     const cluster = createFakeCluster();
 *     const chat = createChatClient(cluster.optionsOf('alice'));
 *     chat.connect();
 *     await cluster.advance(1_000);
 *     cluster.send({ from: 'bob', to: 'alice', content: 'Hello!' });
 *     await cluster.idle();
 *
 * Events, acks and requests are delivered in microtasks, in the order in which they were sent.
 */
export interface FakeCluster {
  /** Pass it to the client. The `fetch` of the cluster serves this origin. */
  readonly url: string;
  readonly socket: OpenSocket;
  readonly fetch: typeof fetch;
  /** A token of the user, in the form of a JWT. */
  tokenFor(userId: string, options?: { expiresInMs?: number }): string;
  /** The options of a client of this user. Its timers follow the time of the cluster: `advance` moves both. */
  optionsOf(userId: string): Required<Pick<ChatClientOptions, 'url' | 'getToken' | 'socket' | 'fetch' | 'clock'>>;

  /** Resolves when everything is delivered, and the clients have reacted. It does not wait for timers. */
  idle(): Promise<void>;
  /** Moves the time of the cluster and its clients forward, and resolves when everything that this caused is delivered. */
  advance(ms: number): Promise<void>;
  /** The time of the cluster, in ms since 1970. */
  now(): number;
  /** Ends all connections and timers. Idempotent. */
  close(): void;

  /** Sends a message as another user or device does. Returns it as it is stored. */
  send(message: FakeSend): Message;
  /** Moves the read mark of a user, as another device does. Default: up to the last message. */
  read(userId: string, conversationId: string, upToSeq?: number): void;
  /** Types, or stops, as another user does. */
  type(userId: string, conversationId: string, typing: boolean): void;
  /** Opens the conversation of two users, or returns it. */
  open(a: string, b: string): Conversation;

  /** Creates a group, as another user does. */
  createGroup(group: { ownerId: string; title: string; userIds: readonly string[] }): Group;
  /** Changes a group, as this user does. Throws an Error with the `payload` of the rejection. */
  changeGroup(userId: string, conversationId: string, change: GroupChange): Group;
  /** Edits, deletes, or reacts to, a message, as this user does. */
  changeMessage(userId: string, conversationId: string, seq: number, change: FakeMessageChange): Message;
  /** Changes the settings of a user for a conversation, as another device does. */
  configure(userId: string, conversationId: string, settings: Partial<ConversationSettings>): void;
  /** Blocks a user, or ends the block, as another device does. */
  block(userId: string, other: string, blocked?: boolean): void;
  /** Reports that a device of the user has the messages up to `upToSeq`. */
  deliver(userId: string, conversationId: string, upToSeq: number): void;

  /** Loses the next deliveries of this kind. `drop('ack:send_message')`: the message is stored, its sender gets no ack. */
  drop(delivery: FakeDelivery, scope?: FakeScope): void;
  /** Delivers the next ones twice. */
  duplicate(delivery: FakeDelivery, scope?: FakeScope): void;
  /**
   * Holds all deliveries of this kind from now on; the others overtake them. The returned function delivers them, in
   * their order, and ends the hold. What is held for a connection that ends is lost.
   */
  hold(delivery: FakeDelivery, scope?: Pick<FakeScope, 'user'>): () => void;
  /** Refuses the next requests of this kind with a coded error, without any effect. */
  refuse(request: FakeRequest, code: ErrorCode, refusal?: FakeRefusal): void;

  /** Ends the faults above, delivers what is held, and is online. */
  heal(): void;

  /** Breaks the connections of a user, or all, as a network fault does. Clients can connect again at once. */
  disconnect(userId?: string): void;
  /** Breaks all connections, and lets no client connect until `online`. HTTP requests fail too. */
  offline(): void;
  online(): void;
  /**
   * Announces that a gateway shuts down, and ends its connections after `reconnectInMs` (default 1,000) by the time of
   * the cluster. New ones go to other gateways until a second later. Default: the gateway with the most connections.
   */
  drain(options?: { gatewayId?: string; reconnectInMs?: number }): void;
  /** Announces to the connections of a user that their token expires. */
  announceExpiry(userId: string, expiresInMs?: number): void;
  /** Makes all tokens that the user has so far expire, and ends the connections. Later tokens are valid. */
  expire(userId: string): void;
  /** Revokes all tokens that the user has so far, and ends the connections. Later tokens are valid. */
  revoke(userId: string): void;
  /** Announces to all connections that events may have been lost. */
  requireSync(): void;
  /** A copy of the history, for `restore`. */
  backup(): FakeBackup;
  /** Replaces the history by an earlier one, under a new epoch, as operators do after the loss of a database. */
  restore(backup: FakeBackup): void;

  /** The stored messages of a conversation, or those that a user may see, as that user sees them. */
  messages(conversationId: string, userId?: string): Message[];
  /** The number of unread messages of a user, over all conversations. */
  unread(userId: string): number;
  /** What a user has not read: the badge, unread messages of muted conversations, and mentions. */
  counts(userId: string): FakeCounts;
  /** The group as a member, or former member, sees it. */
  group(userId: string, conversationId: string): Group;
  /** How far a user has read. */
  readMark(userId: string, conversationId: string): number;
  /** The open connections, or those of one user. */
  connections(userId?: string): FakeConnectionInfo[];
  /** What clients have sent, or what they have sent of one kind, oldest first. */
  requests(request?: FakeRequest): readonly FakeRequestRecord[];
}
