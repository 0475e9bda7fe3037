import type { ConversationId, ConversationSettings, GroupOfMember, Message, UserId } from '@chat-cluster/contracts';
import type { MessageWindow } from './message-window.ts';

/** The fields of a `ConversationSnapshot` that an extension knows. */
export interface ConversationExtra {
  readonly group?: GroupOfMember | undefined;
  readonly settings?: ConversationSettings | undefined;
  readonly mentionCount?: number | undefined;
  readonly deliveredMarks?: Readonly<Record<UserId, number>> | undefined;
  readonly rev?: number | undefined;
}

/** The message with this seq was received, or skipped. For load generators. */
export function isHeld({ upTo = -1, beyond }: ConversationState, seq: number): boolean {
  return seq <= upTo || beyond.has(seq);
}

/**
 * What a device knows of one conversation. Each message is delivered once, in the order of `seq`, whichever path brings
 * it first (event, ack, sync):
 *
 *   1 … base │ delivered, or skipped in a hole … `upTo` │ missing │ `beyond`: received, and waiting for the missing ones
 *
 * `upTo` is unknown until a list or a sync shows where the conversation begins for this device. Until then messages
 * wait, because those before them may be new too.
 */
export class ConversationState {
  readonly id: ConversationId;
  otherUserId: UserId | undefined;
  /** The newest message that is known, also one that waits. */
  lastMessage: Message | null = null;
  /** The last seq that the server has, as far as known. */
  lastSeq = 0;
  upTo: number | undefined;
  unreadCount = 0;
  /** Number of the sync request during which an event brought the unread count: its answer may be older. */
  countedDuring = 0;
  readMarks: Readonly<Record<UserId, number>> = {};
  /** Time of the last activity, in ms since 1970, by the clock of the server. */
  updatedAt = 0;
  window: MessageWindow | undefined;
  /** Fields of the snapshot that an extension knows. */
  extra: ConversationExtra = {};
  /** Received messages that wait for missing ones, by `seq`. */
  readonly beyond: Map<number, Message> = new Map();
  /** After a restore: what is loaded again is not new, whether it was read or not. */
  #isReloaded = false;

  #deliver: (message: Message) => void;

  /** `deliver` is called for each message that is in order. */
  constructor(id: ConversationId, deliver: (message: Message) => void) {
    this.id = id;
    this.#deliver = deliver;
  }

  /** Its other user is known, or it is a group. */
  get isKnown(): boolean {
    return (this.otherUserId ?? this.extra.group) !== undefined;
  }

  /** The first seq of the window; without messages the one after all that are known. */
  get firstSeq(): number {
    return this.window?.messages[0]?.seq ?? (this.upTo ?? 0) + 1;
  }

  /** Nothing is missing, as far as known. */
  get isComplete(): boolean {
    return (this.upTo ?? -1) >= this.lastSeq && this.window?.loadAfter === undefined;
  }

  /**
   * Takes in a message of any path. Delivers each message that is in order now. At most `maxWaiting` messages
   * wait; a sync brings the others again.
   */
  receive(message: Message, maxWaiting: number): void {
    const { seq } = message;
    this.note(message);
    if (seq === 1) this.upTo ??= 0;
    const { upTo = -1 } = this;
    if (seq <= upTo) {
      // One before the window was dropped, or is not loaded yet.
      if (seq > this.firstSeq) this.window?.append(message);
    } else if (seq === upTo + 1) {
      this.upTo = seq;
      this.window?.append(message);
      this.#deliver(message);
      if (this.beyond.has(seq + 1)) this.skipTo(seq);
    } else if (this.beyond.size < maxWaiting && !this.beyond.has(seq)) {
      this.beyond.set(seq, message);
      this.window?.append(message);
    }
  }

  /** Where the conversation begins for this device: the messages up to `upTo` are history, which is not delivered. */
  begin(lastSeq: number, upTo: number): void {
    this.lastSeq = Math.max(this.lastSeq, lastSeq);
    if (this.upTo !== undefined) return;
    const end = this.#isReloaded ? lastSeq : Math.min(lastSeq, upTo);
    this.skipTo(Math.min(end, ...[...this.beyond.keys()].map((seq) => seq - 1)));
  }

  /** Takes in a last message that a list shows. Without effect on what is delivered. */
  note(message: Message): void {
    this.lastSeq = Math.max(this.lastSeq, message.seq);
    if (this.lastMessage && message.seq <= this.lastMessage.seq) return;
    this.lastMessage = message;
    this.active(message.createdAt);
  }

  /** There was activity at this time. */
  active(at: string): void {
    this.updatedAt = Math.max(this.updatedAt, Date.parse(at));
  }

  /** Gives up the missing messages up to `seq`. Those that wait are delivered, as far as nothing is missing before them. */
  skipTo(seq: number): void {
    this.upTo = Math.max(this.upTo ?? seq, seq);
    for (const waiting of [...this.beyond.keys()].sort((a, b) => a - b)) {
      if (waiting > this.upTo + 1) break;
      this.upTo = Math.max(this.upTo, waiting);
      const message = this.beyond.get(waiting) as Message;
      this.beyond.delete(waiting);
      this.#deliver(message);
    }
  }

  /** Moves a read mark forward. Returns false if it was there already. */
  markRead(userId: UserId, upToSeq: number): boolean {
    if (upToSeq <= (this.readMarks[userId] ?? 0)) return false;
    this.readMarks = { ...this.readMarks, [userId]: upToSeq };
    return true;
  }

  /** Forgets everything: the history was replaced. */
  restart(): void {
    this.lastMessage = null;
    this.lastSeq = 0;
    this.upTo = undefined;
    this.unreadCount = 0;
    this.readMarks = {};
    this.extra = {};
    this.beyond.clear();
    this.#isReloaded = true;
    this.window?.reset();
  }
}
