import type { ConversationId, Message, UserId } from '@chat-cluster/contracts';
import type { MessageWindow } from './message-window.ts';

/**
 * What a device knows of one conversation. Each message is delivered once, in the order of `seq`, whichever path brings
 * it first (event, ack, sync):
 *
 *   1 … base │ delivered, or skipped in a hole … `upTo` │ missing │ `#beyond`: received, and waiting for the missing ones
 *
 * `upTo` is unknown until the first message or sync shows where the conversation begins for this device.
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
  readMarks: Readonly<Record<UserId, number>> = {};
  /** Time of the last activity, in ms since 1970, by the clock of the server. */
  updatedAt = 0;
  window: MessageWindow | undefined;
  #beyond = new Map<number, Message>();

  constructor(id: ConversationId) {
    this.id = id;
  }

  /** Messages that wait for others. */
  get waiting(): number {
    return this.#beyond.size;
  }

  /** The message with this seq was received, or skipped. */
  holds(seq: number): boolean {
    return (this.upTo !== undefined && seq <= this.upTo) || this.#beyond.has(seq);
  }

  /** Nothing is missing, as far as known. */
  get isComplete(): boolean {
    return this.upTo !== undefined && this.upTo >= this.lastSeq && this.window?.loadAfter === undefined;
  }

  /**
   * Takes in a message of any path. Calls `deliver` for each message that is in order now. At most `maxWaiting` messages
   * wait; a sync brings the others again.
   */
  receive(message: Message, maxWaiting: number, deliver: (message: Message) => void): void {
    const { seq } = message;
    this.upTo ??= seq - 1;
    this.#note(message);
    if (seq <= this.upTo) {
      this.window?.add(message);
      return;
    }
    if (seq === this.upTo + 1) {
      this.upTo = seq;
      this.window?.add(message);
      deliver(message);
      if (this.#beyond.size > 0) this.#deliverNext(deliver);
    } else if (this.#beyond.size < maxWaiting && !this.#beyond.has(seq)) {
      this.#beyond.set(seq, message);
      this.window?.add(message);
    }
  }

  /** Where the conversation begins for this device: what it has so far is history, which is not delivered. */
  begin(lastSeq: number): void {
    this.lastSeq = Math.max(this.lastSeq, lastSeq);
    this.upTo ??= lastSeq;
  }

  /** Takes in a last message that a list shows. Without effect on what is delivered. */
  note(message: Message): void {
    this.#note(message);
  }

  /** Gives up the missing messages up to `seq`. Those of them that wait are delivered. */
  skipTo(seq: number, deliver: (message: Message) => void): void {
    this.upTo ??= seq;
    for (const waiting of [...this.#beyond.keys()].sort((a, b) => a - b)) {
      if (waiting > seq) break;
      deliver(this.#beyond.get(waiting) as Message);
      this.#beyond.delete(waiting);
    }
    this.upTo = Math.max(this.upTo, seq);
    this.#deliverNext(deliver);
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
    this.#beyond.clear();
    this.window?.reset();
  }

  #note(message: Message): void {
    if (message.seq > this.lastSeq) this.lastSeq = message.seq;
    if (this.lastMessage && message.seq <= this.lastMessage.seq) return;
    this.lastMessage = message;
    this.updatedAt = Math.max(this.updatedAt, Date.parse(message.createdAt));
  }

  #deliverNext(deliver: (message: Message) => void): void {
    for (;;) {
      const next = (this.upTo as number) + 1;
      const message = this.#beyond.get(next);
      if (!message) return;
      this.#beyond.delete(next);
      this.upTo = next;
      deliver(message);
    }
  }
}
