import type { FailureAck, SyncAck } from '@chat-cluster/contracts';
import { HeldEpoch, type LeanClient } from '@chat-cluster/testkit/lean-client';
import type { ConversationChecker } from './conversation-checker.ts';
import type { Side } from './conversation-state.ts';
import { countRefusal } from './counts.ts';
import { ANSWER_TIMEOUT_MS, type SendContext } from './outbox.ts';

/** A conversation, and which of its participants the device belongs to. */
export interface ConversationSide {
  checker: ConversationChecker;
  side: Side;
}

/** The parts of a device that its sync uses. */
export interface SyncOwner {
  readonly userId: string;
  readonly conversations: ReadonlyMap<string, ConversationSide>;
  readonly client: LeanClient | undefined;
  readonly context: SendContext;
}

/** Conversations and messages per sync: the largest that the protocol allows. */
const MAX_CONVERSATIONS = 100;
const MAX_MESSAGES = 500;
/** Pause before the next sync when one did not fill a gap, and when one is refused without `retryAfterMs`; in ms. */
const GAP_PAUSE_MS = 500;
const REFUSAL_PAUSE_MS = 1_000;
/** An `afterSeq` beyond every seq: the answer then has no messages, only `lastSeq`. */
const NO_MESSAGES = 2 ** 31 - 2;

/** Requests the missing messages of a device with `sync`, in slices, until no conversation has a gap. */
export class ConversationSync {
  /** Unread count of the last answer. */
  unread: number | undefined;
  #owner: SyncOwner;
  #epoch = new HeldEpoch();
  #onDone: () => void;
  #timer: NodeJS.Timeout | undefined;
  /** 0 while no sync is under way. */
  #sentAt = 0;
  /** A further sync is needed after the one under way, or once there is a connection. */
  #pending = false;

  /** `onDone` is called each time every conversation is in sync. */
  constructor(owner: SyncOwner, onDone: () => void) {
    this.#owner = owner;
    this.#onDone = onDone;
  }

  get isIdle(): boolean {
    return !this.#pending && this.#sentAt === 0;
  }

  request(): void {
    if (this.#owner.conversations.size === 0) return;
    this.#pending = true;
    if (this.#owner.client && this.#sentAt === 0) this.#send(0);
  }

  /** Repeats a sync that has no answer within ANSWER_TIMEOUT_MS. */
  expire(now: number): void {
    if (!this.#owner.client || this.#sentAt === 0 || now - this.#sentAt < ANSWER_TIMEOUT_MS) return;
    countRefusal(this.#owner.context.meter.counts, 'no answer');
    this.#send(0);
  }

  /** The connection is lost. */
  interrupt(): void {
    clearTimeout(this.#timer);
    this.#sentAt = 0;
  }

  /** Syncs the slice of conversations that begins with number `from`. */
  #send(from: number): void {
    const { client, conversations: all, context } = this.#owner;
    if (!client) return;
    if (from === 0) this.#pending = false;
    this.#sentAt = performance.now();
    context.meter.counts.syncs++;
    const conversations = [...all.values()].slice(from, from + MAX_CONVERSATIONS).map(({ checker, side }) => {
      const { base, held } = checker.participants[side];
      return { id: checker.conversationId, afterSeq: base === undefined ? NO_MESSAGES : held.upTo };
    });
    client.call('sync', { conversations, limit: MAX_MESSAGES }, (answer: SyncAck | FailureAck) => {
      if (client !== this.#owner.client) return;
      if (answer.ok) this.#answered(from, answer);
      else {
        countRefusal(context.meter.counts, answer.error.code);
        this.#sendLater(from, answer.error.retryAfterMs ?? REFUSAL_PAUSE_MS);
      }
    });
  }

  #answered(from: number, { epoch, conversations, hasMore, unread }: SyncAck): void {
    const { userId, conversations: all } = this.#owner;
    if (this.#epoch.enter(epoch)) {
      for (const { checker, side } of all.values()) checker.restart(side);
      this.#send(0);
      return;
    }
    for (const { id, messages, lastSeq, readMarks } of conversations) {
      const conversation = all.get(id);
      if (!conversation) continue;
      const { checker, side } = conversation;
      const participant = checker.participants[side];
      participant.lastSeq = lastSeq;
      // After a restore the conversation may end before the begin of this run.
      if (participant.base === undefined || lastSeq < participant.base) checker.startAt(side, lastSeq);
      for (const message of messages) checker.receive(side, message, false);
      const mark = readMarks.find((one) => one.userId === userId);
      if (mark) checker.markRead(side, mark.upToSeq);
    }
    this.unread = unread.count;
    const next = from + MAX_CONVERSATIONS;
    if (hasMore) this.#send(from);
    else if (next < all.size) this.#send(next);
    else if (this.#pending) this.#sendLater(0, 0);
    else if (all.values().some(({ checker, side }) => checker.participants[side].held.hasGap)) {
      this.#sendLater(0, GAP_PAUSE_MS);
    } else {
      this.#sentAt = 0;
      this.#onDone();
    }
  }

  #sendLater(from: number, ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#send(from), ms);
  }
}
