/*
 * Longer than 250 lines on purpose: the one place where all paths of a message meet.
 */
import type {
  ConversationId,
  ConversationSummary,
  FeedEntry,
  Message,
  MessagesRead,
  Session,
  StoreEpoch,
  SyncAck,
  SyncedConversation,
  UnreadCount,
  UserId,
} from '@chat-cluster/contracts';
import { NO_MESSAGES, UNREAD_CONVERSATIONS } from '../wire.ts';
import { ConversationState } from './conversation-state.ts';
import type { CoreExtension } from './extension.ts';
import { getOrAdd } from './get-or-add.ts';
import { History } from './history.ts';
import { MessageWindow } from './message-window.ts';
import { Outbox, type OutboxOwner, type Outgoing } from './outbox.ts';
import type { Clock, Wire } from './seams.ts';
import { Sync, type SyncOwner } from './sync.ts';

export interface CoreOptions {
  /** Messages kept of an open conversation. */
  windowSize: number;
  /** Missed messages of a conversation beyond which they are skipped. */
  maxBacklog: number;
  maxOutboxAgeMs: number;
  /** Messages of one conversation under way at a time (1 keeps their order after any refusal). */
  maxSending: number;
  /** For measurements: a message stays in the outbox until its ack, also when it has arrived on another path. */
  onlyAcksSettle?: boolean;
}

/** What the core reports. Each is called after the state has changed. */
export interface CoreOutput {
  /** A message that this device did not have, once, in the order of `seq` per conversation. */
  message(message: Message): void;
  changed(state: ConversationState): void;
  /** The badge is this. */
  counted(count: number): void;
  read(mark: MessagesRead): void;
  /** The status of a message of the outbox has changed. */
  outboxChanged(outgoing: Outgoing): void;
  /** The server has stored the message; it has left the outbox. */
  acknowledged(outgoing: Outgoing, message: Message): void;
  /** The missing messages of the conversation were skipped; without a conversation: the history was replaced. */
  discontinuity(state: ConversationState | undefined): void;
  caughtUp(): void;
}

/** Newest messages that are loaded first, when a conversation is opened and after a backlog. */
export const NEWEST_PAGE = 50;

/**
 * The protocol part of one device, without I/O: connections come as a `Wire`, time as a `Clock`. Everything that a
 * server event or an answer changes is changed before the call returns, and reported to the output.
 *
 * All paths of a message (event, ack, sync, history) end in `receive` or in a window, which drop what they hold.
 */
export class ChatCore implements OutboxOwner, SyncOwner {
  readonly conversations: Map<ConversationId, ConversationState> = new Map();
  readonly outbox: Outbox;
  readonly sync: Sync;
  readonly history: History;
  userId: UserId | undefined;
  epoch: StoreEpoch | undefined;
  /** The last `unread_count`. */
  badge: number | undefined;
  extension: CoreExtension | undefined;
  #options: CoreOptions;
  #output: CoreOutput;

  constructor(clock: Clock, options: CoreOptions, output: CoreOutput) {
    this.#options = options;
    this.#output = output;
    this.outbox = new Outbox(clock, options, this);
    this.sync = new Sync(clock, this);
    this.history = new History(clock, (epoch) => this.entered(epoch));
  }

  /** A connection is open and has its session. The outbox is started by the owner. */
  connected(wire: Wire, { userId, epoch }: Session): void {
    this.userId = userId;
    this.entered(epoch);
    this.history.start(wire);
    this.sync.start(wire);
  }

  disconnected(): void {
    this.sync.stop();
    this.history.stop();
    this.outbox.stop();
  }

  /** An event of the server. Others than these are of no interest to the core. */
  event(name: string, payload: unknown): void {
    if (name === 'new_message') this.receive(payload as Message);
    else if (name === 'unread_count') this.#counted(payload as UnreadCount);
    else if (name === 'messages_read') this.markRead(payload as MessagesRead);
    else if (name === 'sync_required') this.sync.require();
  }

  /** Takes in a message of any path, also one that another tab got. */
  receive(message: Message): void {
    const { receiverId } = message;
    if (this.#ignores(receiverId)) return;
    let state = this.conversations.get(message.conversationId);
    if (!state) {
      state = this.state(message.conversationId);
      // For its read marks.
      this.sync.check(state.id, true);
    }
    const isOwn = message.senderId === this.userId;
    state.otherUserId ??= receiverId && (isOwn ? receiverId : message.senderId);
    state.receive(message, this.#options.maxBacklog);
    if (state.beyond.size > 0) this.sync.want(state.id, state.upTo !== undefined);
    this.#output.changed(state);
    const outgoing = isOwn && !this.#options.onlyAcksSettle ? this.outbox.get(message.clientMessageId) : undefined;
    if (outgoing?.conversationId === message.conversationId) this.outbox.settle(outgoing, message);
  }

  /** A read mark that has moved, by an event or an ack. */
  markRead(mark: MessagesRead): void {
    const state = this.conversations.get(mark.conversationId);
    if (!state?.markRead(mark.userId, mark.upToSeq)) return;
    this.#output.changed(state);
    this.#output.read(mark);
  }

  /** The state of a conversation, which is new if it was not known. */
  state(id: ConversationId): ConversationState {
    const deliver = (message: Message) => this.#output.message(message);
    return getOrAdd(this.conversations, id, () => new ConversationState(id, deliver));
  }

  /** The conversation with another user, if it is known. */
  withUser(userId: UserId): ConversationState | undefined {
    return [...this.conversations.values()].find(({ otherUserId }) => otherUserId === userId);
  }

  /** How far a participant (default: this user) has read, as far as known. */
  readUpTo(id: ConversationId, userId: UserId | undefined = this.userId): number {
    return this.conversations.get(id)?.readMarks[userId as UserId] ?? 0;
  }

  /** The other participant has read the message. */
  isRead({ conversationId, receiverId, seq, isRead }: Message): boolean {
    return isRead || (receiverId !== undefined && seq <= this.readUpTo(conversationId, receiverId));
  }

  /** Opens the window of messages, and loads the newest ones. */
  open(id: ConversationId): MessageWindow {
    const state = this.state(id);
    if (!state.window) {
      state.window = new MessageWindow(this.#options.windowSize);
      this.sync.check(id);
    }
    return state.window;
  }

  /** A conversation as the list of the server shows it. `isCurrent`: its unread count is not older than this device's. */
  summary(entry: ConversationSummary, isCurrent = false): void {
    if (this.#ignores(entry.otherUserId)) return;
    const state = this.state(entry.id);
    // A page of the list may be older than events that came meanwhile.
    if (isCurrent || !state.isKnown || entry.lastSeq > state.lastSeq) {
      state.unreadCount = entry.unreadCount;
    }
    state.otherUserId = entry.otherUserId;
    state.active(entry.updatedAt);
    state.lastSeq = Math.max(state.lastSeq, entry.lastSeq);
    // Where an open conversation begins depends on its read mark, which the sync that is due brings.
    if (state.beyond.size === 0 && !state.window) state.begin(entry.lastSeq, entry.lastSeq);
    const { lastMessage } = entry;
    if (lastMessage && state.upTo !== undefined && lastMessage.seq === state.upTo + 1) this.receive(lastMessage);
    else if (lastMessage) state.note(lastMessage);
    this.extension?.shows(state, entry);
    if (!state.isComplete) this.sync.want(state.id);
    this.#output.changed(state);
  }

  /** Returns true when the epoch is another one: everything but the outbox is discarded, and must be loaded anew. */
  entered(epoch: StoreEpoch | undefined): boolean {
    if (epoch === undefined || epoch === this.epoch) return false;
    const isOther = this.epoch !== undefined;
    this.epoch = epoch;
    if (isOther) this.discard();
    return isOther;
  }

  discard(): void {
    for (const state of this.conversations.values()) {
      state.restart();
      if (!state.window) this.conversations.delete(state.id);
    }
    this.#output.discontinuity(undefined);
    this.sync.restart();
  }

  /** Forgets everything but the outbox: another user is signed in. */
  reset(): void {
    this.conversations.clear();
    this.userId = undefined;
    this.epoch = undefined;
    this.badge = undefined;
    this.sync.reset();
  }

  // What the outbox and the sync need of their owner. Others do not call it.

  changed(outgoing: Outgoing): void {
    this.#output.outboxChanged(outgoing);
  }

  acknowledged(outgoing: Outgoing, message: Message): void {
    this.receive(message);
    this.#output.acknowledged(outgoing, message);
  }

  caughtUp(): void {
    this.#output.caughtUp();
  }

  #counted({ count, conversations = [] }: UnreadCount): void {
    this.badge = count;
    for (const { conversationId, count } of conversations) {
      const state = this.conversations.get(conversationId);
      if (!state) continue;
      state.countedDuring = this.sync.request;
      this.#setUnread(state, count);
    }
    this.#output.counted(count);
  }

  unread(conversations: SyncAck['unread']['conversations'], discover: boolean): void {
    const counts = new Map(conversations.map(({ conversationId, count }) => [conversationId, count]));
    const isAll = counts.size < UNREAD_CONVERSATIONS;
    for (const state of this.conversations.values()) {
      const count = counts.get(state.id) ?? (isAll ? 0 : state.unreadCount);
      counts.delete(state.id);
      if (state.countedDuring !== this.sync.request) this.#setUnread(state, count);
    }
    if (!discover) return;
    for (const [id, count] of counts) {
      this.state(id).unreadCount = count;
      this.sync.check(id);
    }
  }

  #setUnread(state: ConversationState, count: number): void {
    if (state.unreadCount === count) return;
    state.unreadCount = count;
    this.#output.changed(state);
  }

  listed(entry: FeedEntry): void {
    const state = this.state(entry.id);
    this.#marks(state, entry);
    // A conversation that this device does not know: what is not read anywhere is new.
    state.begin(entry.lastSeq, this.readUpTo(entry.id));
    this.summary(entry, state.countedDuring !== this.sync.request);
  }

  afterSeq(id: ConversationId): number {
    const state = this.conversations.get(id);
    if (!state) return NO_MESSAGES;
    this.#skipBacklog(state);
    const { window, upTo = NO_MESSAGES } = state;
    if (window?.loadAfter === undefined) return upTo;
    if (Number.isNaN(window.loadAfter)) {
      if (upTo === NO_MESSAGES) return NO_MESSAGES;
      window.loadAfter = Math.max(0, state.lastSeq - NEWEST_PAGE);
    }
    return Math.min(upTo, window.loadAfter);
  }

  #skipBacklog(state: ConversationState): boolean {
    if (state.upTo === undefined || state.lastSeq - state.upTo <= this.#options.maxBacklog) return false;
    state.skipTo(state.lastSeq - NEWEST_PAGE);
    if (state.window) state.window.loadAfter = undefined;
    this.#output.discontinuity(state);
    return true;
  }

  synced(entry: SyncedConversation, afterSeq: number): void {
    const { id, messages, lastSeq, hasMore } = entry;
    const state = this.conversations.get(id);
    if (!state) return;
    if (entry.group && !this.extension) {
      this.notFound(id);
      return;
    }
    this.#marks(state, entry);
    state.begin(lastSeq, this.readUpTo(id));
    // When the answer has everything, nothing is skipped, however much it is.
    const isWhole = !hasMore && afterSeq <= (state.upTo as number);
    const isSkipped = !isWhole && this.#skipBacklog(state);
    const upTo = state.upTo as number;
    const { window } = state;
    if (window) {
      // Of a backlog only the newest page is shown: the rest is a hole, as if it was not here.
      if (!isSkipped) window.extend(messages.filter(({ seq }) => seq <= upTo));
      // A window that was opened during this request is loaded by the next one.
      const isAsked = afterSeq === NO_MESSAGES || !Number.isNaN(window.loadAfter);
      if (isAsked && !isSkipped) window.loadAfter = loadedUpTo(afterSeq, messages, state, hasMore);
    }
    for (const message of messages) {
      if (message.seq > upTo) this.receive(message);
      else state.note(message);
    }
    this.extension?.shows(state, entry);
    this.#output.changed(state);
  }

  /** Without another user it is a group. */
  #ignores(otherUserId: UserId | undefined): boolean {
    return otherUserId === undefined && !this.extension;
  }

  #marks(state: ConversationState, { readMarks: marks, group }: Pick<SyncedConversation, 'readMarks' | 'group'>): void {
    const known = Object.keys(state.readMarks).length > 0;
    for (const { userId, upToSeq, readAt } of marks) {
      if (!group && (userId !== this.userId || marks.length === 1)) state.otherUserId ??= userId;
      const hasMoved = state.markRead(userId, upToSeq);
      if (hasMoved && known && readAt !== null) {
        this.#output.read({ conversationId: state.id, userId, upToSeq, readAt });
      }
    }
  }

  notFound(id: ConversationId): void {
    const state = this.conversations.get(id);
    if (!state) return;
    state.restart();
    state.begin(0, 0);
    state.otherUserId = undefined;
    if (state.window) state.window.loadAfter = undefined;
    else this.conversations.delete(id);
    this.#output.changed(state);
  }
}

/** Where the first load of a window goes on after an answer; undefined: it is complete. */
function loadedUpTo(
  afterSeq: number,
  messages: readonly Message[],
  state: ConversationState,
  hasMore: boolean,
): number | undefined {
  const last = messages.at(-1)?.seq ?? 0;
  if (afterSeq === NO_MESSAGES) return state.lastSeq > 0 ? Math.max(0, state.lastSeq - NEWEST_PAGE) : undefined;
  return hasMore && last < (state.upTo as number) ? last : undefined;
}
