/*
 * Longer than 250 lines on purpose: one state machine, whose states share the counters.
 */
import type {
  Attachment,
  ClientMessageId,
  ConversationId,
  ErrorPayload,
  FailureAck,
  Message,
  SendAck,
  UserId,
} from '@chat-cluster/contracts';
import { ANSWER_TIMEOUT_MS } from '../wire.ts';
import { getOrAdd } from './get-or-add.ts';
import { type Problem, problem } from './problem.ts';
import { type Clock, isFinal, pauseMs, type Wire } from './seams.ts';

/** Why a message failed. */
export type OutgoingError = Problem<ErrorPayload['code'] | 'EXPIRED_IN_OUTBOX' | 'OUTBOX_FULL'>;

/** A message of this user that is not stored yet. */
export interface Outgoing {
  readonly clientMessageId: ClientMessageId;
  readonly conversationId: ConversationId;
  readonly content: string | null;
  readonly attachments: readonly Attachment[];
  readonly replyToSeq?: number;
  readonly mentions?: readonly UserId[];
  readonly mentionsAll?: true;
  /** When the user sent it, in ms since 1970. */
  readonly sentAt: number;
  /** Sorts the outbox. */
  readonly order: number;
  status: 'queued' | 'sending' | 'failed';
  error?: OutgoingError;
  /** From here its age counts, in ms since 1970: `sentAt`, or the last retry by the user. */
  queuedAt: number;
  /** Number of the attempt under way; 0 for none. */
  attempt: number;
}

export interface OutboxOptions {
  maxOutboxAgeMs: number;
  /** Messages of one conversation under way at a time. 1 keeps their order, also when the server refuses one of them. */
  maxSending: number;
}

export interface OutboxOwner {
  /** The status has changed. */
  changed(outgoing: Outgoing): void;
  /** The server has stored the message; it has left the outbox. */
  acknowledged(outgoing: Outgoing, message: Message): void;
}

/** First pause after a refusal without `retryAfterMs`, in ms. */
const PAUSE_MS = 500;
/** Shortest time between two checks of the age, in ms. */
const EXPIRY_CHECK_MS = 1_000;

/**
 * The messages that have no ack yet. A message leaves with its ack, or when it arrives on another path, or by `discard`.
 *
 *   queued ──start, in order──▶ sending ──ack──▶ (gone)
 *     ▲  ▲                        │ │
 *     │  └──lost connection, ─────┘ └──final refusal──▶ failed ──retry──▶ queued
 *     │     retryable refusal,                            ▲
 *     │     no answer for 10 s                            │
 *     └──────────────────── older than maxOutboxAgeMs ────┘
 *
 * After a retryable refusal nothing is sent until its pause is over and everything under way is answered. Then messages
 * go out in order again, with the same ids: first one, after its ack two, and so on until nothing waits, so that a
 * client that was limited does not send everything at once.
 */
export class Outbox {
  #clock: Clock;
  #options: OutboxOptions;
  #owner: OutboxOwner;
  #items = new Map<ClientMessageId, Outgoing>();
  /** Messages that are queued or under way, by `order`. */
  #queues = new Map<ConversationId, Outgoing[]>();
  #wire: Wire | undefined;
  #attempts = 0;
  #refusals = 0;
  /** Largest number of messages under way. Each ack adds one, so it doubles per round trip. */
  #window = Number.POSITIVE_INFINITY;
  #isPaused = false;
  #cancelPause: (() => void) | undefined;
  #cancelExpiry: (() => void) | undefined;
  /** The messages under way, and the ends of their timeouts. */
  #underWay = new Map<Outgoing, () => void>();

  constructor(clock: Clock, options: OutboxOptions, owner: OutboxOwner) {
    this.#clock = clock;
    this.#options = options;
    this.#owner = owner;
  }

  get size(): number {
    return this.#items.size;
  }

  /** Messages that are queued or under way. */
  get unsent(): number {
    return [...this.#queues.values()].flat().length;
  }

  get(id: ClientMessageId): Outgoing | undefined {
    return this.#items.get(id);
  }

  /** All messages, oldest first. */
  all(): Outgoing[] {
    return [...this.#items.values()].sort((a, b) => a.order - b.order);
  }

  /** Adds a message that is queued or failed. A known id changes nothing. */
  add(outgoing: Outgoing): void {
    if (this.#items.has(outgoing.clientMessageId)) return;
    this.#items.set(outgoing.clientMessageId, outgoing);
    if (outgoing.status === 'failed') return;
    const queue = this.#enqueue(outgoing);
    if (this.#cancelExpiry) this.#fill(queue);
    else this.#fillAll();
  }

  /** Sends a failed message again. Without effect on one that is queued or under way. */
  retry(outgoing: Outgoing): void {
    if (outgoing.status !== 'failed') return;
    delete outgoing.error;
    outgoing.queuedAt = this.#clock.now();
    this.#change(outgoing, 'queued');
    this.#fill(this.#enqueue(outgoing));
  }

  /** Removes a message. Returns false for one under way: it may be stored already. */
  discard(outgoing: Outgoing): boolean {
    if (outgoing.attempt > 0) return false;
    this.#remove(outgoing);
    return true;
  }

  /** Another tab sends, and reports this status. */
  mirror(outgoing: Outgoing, status: Outgoing['status'], error: OutgoingError | undefined): void {
    if (this.#wire || outgoing.status === status) return;
    if (outgoing.status === 'failed') this.#enqueue(outgoing);
    if (status === 'failed') this.#dequeue(outgoing);
    if (error) outgoing.error = error;
    else delete outgoing.error;
    this.#change(outgoing, status);
  }

  /** The message is stored: its ack, or the message itself on another path, has arrived. */
  settle(outgoing: Outgoing, message: Message): void {
    this.#remove(outgoing);
    this.#owner.acknowledged(outgoing, message);
    this.#answered(outgoing.conversationId, true);
  }

  /** Sends, in order, over this connection from now on. */
  start(wire: Wire): void {
    if (this.#wire) this.stop();
    this.#wire = wire;
    this.#window = Number.POSITIVE_INFINITY;
    this.#refusals = 0;
    this.#fillAll();
  }

  /** The connection is lost, or another tab sends from now on: messages under way may have arrived or not. */
  stop(): void {
    this.#wire = undefined;
    this.#endPause();
    this.#interrupt();
  }

  /** Forgets every message, without a change of their status. */
  clear(): void {
    this.stop();
    this.#items.clear();
    this.#queues.clear();
    this.#cancelExpiry?.();
    this.#cancelExpiry = undefined;
  }

  /** Fails the messages that are older than the bound, and looks again when the next one is. */
  #expire(): void {
    const { maxOutboxAgeMs } = this.#options;
    const now = this.#clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const outgoing of [...this.#queues.values()].flat()) {
      const expiresAt = outgoing.queuedAt + maxOutboxAgeMs;
      if (expiresAt < now && outgoing.attempt === 0) this.#fail(outgoing, EXPIRED);
      else next = Math.min(next, expiresAt);
    }
    this.#cancelExpiry?.();
    const waitMs = Math.max(EXPIRY_CHECK_MS, next - now + 1);
    this.#cancelExpiry = Number.isFinite(next) ? this.#clock.after(waitMs, () => this.#expire()) : undefined;
  }

  #fillAll(): void {
    this.#expire();
    for (const queue of [...this.#queues.values()]) this.#fill(queue);
    if (this.#underWay.size < this.#window) this.#window = Number.POSITIVE_INFINITY;
  }

  #fill(queue: Outgoing[]): void {
    if (!this.#wire || this.#isPaused) return;
    let underWay = 0;
    for (const outgoing of queue) {
      if (underWay >= this.#options.maxSending || this.#underWay.size >= this.#window) return;
      underWay++;
      if (outgoing.attempt === 0) this.#send(this.#wire, outgoing);
    }
  }

  #send(wire: Wire, outgoing: Outgoing): void {
    const attempt = ++this.#attempts;
    outgoing.attempt = attempt;
    this.#underWay.set(
      outgoing,
      this.#clock.after(ANSWER_TIMEOUT_MS, () => this.#unanswered()),
    );
    this.#change(outgoing, 'sending');
    const { status, error, sentAt, order, queuedAt, attempt: _, attachments, ...rest } = outgoing;
    const { clientMessageId } = rest;
    const draft = { ...rest, ...(attachments.length > 0 && { attachments }) };
    wire.call<SendAck>('send_message', draft, (answer) => {
      if (this.#items.get(clientMessageId) !== outgoing) return;
      // The refusal of an earlier attempt decides nothing about the attempt under way.
      if (answer.ok) {
        this.#refusals = 0;
        this.settle(outgoing, answer.message);
      } else if (outgoing.attempt === attempt) this.#refused(outgoing, answer);
    });
  }

  #refused(outgoing: Outgoing, { error }: FailureAck): void {
    this.#endAttempt(outgoing);
    if (!isFinal(error)) {
      this.#change(outgoing, 'queued');
      // The owner may have discarded it.
      if (this.#items.has(outgoing.clientMessageId)) this.#pause(error.retryAfterMs);
    } else this.#fail(outgoing, problem(error.code, error.message, false));
    this.#answered(outgoing.conversationId, false);
  }

  #answered(conversationId: ConversationId, isStored: boolean): void {
    if (this.#isPaused) {
      if (this.#underWay.size === 0 && !this.#cancelPause) this.#resume();
      return;
    }
    if (this.#window === Number.POSITIVE_INFINITY) {
      const queue = this.#queues.get(conversationId);
      if (queue) this.#fill(queue);
      return;
    }
    if (isStored) this.#window++;
    this.#fillAll();
  }

  #pause(ms: number | undefined): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#cancelPause = this.#clock.after(pauseMs(this.#clock, ms, this.#refusals++, PAUSE_MS), () => {
      this.#cancelPause = undefined;
      if (this.#underWay.size === 0) this.#resume();
    });
  }

  #resume(): void {
    this.#endPause();
    this.#window = 1;
    this.#fillAll();
  }

  #endPause(): void {
    this.#cancelPause?.();
    this.#cancelPause = undefined;
    this.#isPaused = false;
  }

  #unanswered(): void {
    this.#endPause();
    this.#interrupt();
    this.#pause(undefined);
  }

  /** Ends all attempts. */
  #interrupt(): void {
    for (const outgoing of [...this.#underWay.keys()]) {
      this.#endAttempt(outgoing);
      this.#change(outgoing, 'queued');
    }
  }

  #endAttempt(outgoing: Outgoing): void {
    outgoing.attempt = 0;
    this.#underWay.get(outgoing)?.();
    this.#underWay.delete(outgoing);
  }

  #fail(outgoing: Outgoing, error: OutgoingError): void {
    this.#dequeue(outgoing);
    outgoing.error = error;
    this.#change(outgoing, 'failed');
  }

  #remove(outgoing: Outgoing): void {
    this.#endAttempt(outgoing);
    this.#items.delete(outgoing.clientMessageId);
    this.#dequeue(outgoing);
  }

  #enqueue(outgoing: Outgoing): Outgoing[] {
    const queue = getOrAdd<ConversationId, Outgoing[]>(this.#queues, outgoing.conversationId, () => []);
    queue.splice(queue.findLastIndex(({ order }) => order <= outgoing.order) + 1, 0, outgoing);
    return queue;
  }

  #dequeue(outgoing: Outgoing): void {
    const { conversationId } = outgoing;
    const queue = this.#queues.get(conversationId) ?? [];
    const at = queue.indexOf(outgoing);
    if (at >= 0) queue.splice(at, 1);
    if (queue.length === 0) this.#queues.delete(conversationId);
  }

  #change(outgoing: Outgoing, status: Outgoing['status']): void {
    outgoing.status = status;
    this.#owner.changed(outgoing);
  }
}

const EXPIRED = problem('EXPIRED_IN_OUTBOX', 'The message was not sent in time. Call retry or discard.');
