import type { FailureAck, SendAck } from '@chat-cluster/contracts';
import type { LeanClient } from '@chat-cluster/testkit/lean-client';
import type { ConversationChecker } from './conversation-checker.ts';
import type { TrackedMessage } from './conversation-state.ts';
import { countRefusal } from './counts.ts';
import type { Meter } from './meter.ts';

/** The parts of a device that its outbox uses. */
export interface OutboxOwner {
  /** The current connection, if there is one, and its number. */
  readonly client: LeanClient | undefined;
  readonly connection: number;
  readonly context: SendContext;
}

export interface SendContext {
  meter: Meter;
  /** Content of every message. */
  content: string;
  /** False: refused messages are given up. */
  resend: boolean;
}

interface Outgoing {
  checker: ConversationChecker;
  message: TrackedMessage;
  /** Time of the attempt under way; 0 when there is none. */
  sentAt: number;
}

/** Time after which a request counts as unanswered, in ms. Above the 7 s after which a gateway answers TIMEOUT. */
export const ANSWER_TIMEOUT_MS = 10_000;
/** Pause after a refusal without `retryAfterMs`: doubles with each refusal, up to the second figure, with jitter. */
const PAUSE = { firstMs: 100, longestMs: 1_000 };
/** Interval of the checks whether everything under way is answered, in ms. */
const ANSWERED_CHECK_MS = 20;
/** Messages under way at a time after a refusal, until no message waits. */
const WINDOW_AFTER_REFUSAL = 64;
/** Refusals that mean: not accepted. With other codes the message may be stored. */
const NOT_ACCEPTED = ['OVERLOADED', 'RATE_LIMITED'];

/**
 * The messages of a device that have no ack yet, in order. A message stays until its ack or its final refusal.
 *
 * After a retryable refusal nothing is sent until its pause is over and everything under way is answered. Then the
 * messages go out again, in order and under the same client message ids: first one, after its ack two, and so on up to
 * a bound, so that a rate-limited device does not resend everything at once. After a lost connection all of them go out
 * at once, as from the buffer of a stock client.
 */
export class Outbox {
  #owner: OutboxOwner;
  #waiting = new Set<Outgoing>();
  #underWay = 0;
  #refusals = 0;
  /** Largest number of messages under way. */
  #window = Number.POSITIVE_INFINITY;
  #pause: NodeJS.Timeout | undefined;

  constructor(owner: OutboxOwner) {
    this.#owner = owner;
  }

  get size(): number {
    return this.#waiting.size;
  }

  add(checker: ConversationChecker, message: TrackedMessage): void {
    const outgoing = { checker, message, sentAt: 0 };
    this.#waiting.add(outgoing);
    this.#owner.context.meter.inFlight++;
    if (this.#window === Number.POSITIVE_INFINITY && this.#pause === undefined) this.#send(outgoing);
    else this.#fill();
  }

  /** Sends, in order, every message that is not under way. */
  flush(): void {
    this.close();
    this.#window = Number.POSITIVE_INFINITY;
    this.#fill();
  }

  /** The connection is lost: messages under way may have arrived or not. */
  interrupt(): void {
    this.close();
    for (const outgoing of this.#waiting) {
      const wasUnderWay = outgoing.sentAt > 0;
      this.#endAttempt(outgoing);
      if (wasUnderWay && !this.#owner.context.resend) this.#giveUp(outgoing);
    }
  }

  /** Resends when the oldest message under way has had no answer within ANSWER_TIMEOUT_MS. */
  expire(now: number): void {
    if (this.#underWay === 0) return;
    const oldest = this.#waiting.values().find(({ sentAt }) => sentAt > 0);
    if (!oldest || now - oldest.sentAt < ANSWER_TIMEOUT_MS) return;
    countRefusal(this.#owner.context.meter.counts, 'no answer');
    this.interrupt();
    this.#pauseFor(undefined);
  }

  /** Ends the pause, if there is one. */
  close(): void {
    clearTimeout(this.#pause);
    this.#pause = undefined;
  }

  #fill(): void {
    if (this.#pause !== undefined) return;
    // The messages under way come first in the set, and are few while the window is bounded.
    for (const outgoing of this.#waiting) {
      if (this.#underWay >= this.#window) return;
      if (outgoing.sentAt === 0) this.#send(outgoing);
    }
    this.#window = Number.POSITIVE_INFINITY;
  }

  #send(outgoing: Outgoing): void {
    const { client, connection, context } = this.#owner;
    if (!client) return;
    const { checker, message } = outgoing;
    checker.attempt(message, connection);
    const sentAt = performance.now();
    outgoing.sentAt = sentAt;
    this.#underWay++;
    const draft = {
      conversationId: checker.conversationId,
      content: context.content,
      clientMessageId: checker.clientMessageId(message),
    };
    client.call('send_message', draft, (answer: SendAck | FailureAck) => this.#answered(outgoing, sentAt, answer));
  }

  #answered(outgoing: Outgoing, sentAt: number, answer: SendAck | FailureAck): void {
    const { checker, message } = outgoing;
    if (answer.ok) {
      this.#refusals = 0;
      this.#remove(outgoing);
      checker.acknowledge(message, answer.message.seq);
      if (this.#window === Number.POSITIVE_INFINITY) return;
      this.#window = Math.min(WINDOW_AFTER_REFUSAL, this.#window * 2);
      this.#fill();
      return;
    }
    const { code, retryable, retryAfterMs } = answer.error;
    countRefusal(this.#owner.context.meter.counts, code);
    // The refusal of an earlier attempt decides nothing about the attempt under way.
    if (outgoing.sentAt !== sentAt) return;
    this.#endAttempt(outgoing);
    if (!retryable) this.#refuse(outgoing);
    else if (this.#owner.context.resend) this.#pauseFor(retryAfterMs);
    else if (NOT_ACCEPTED.includes(code)) this.#refuse(outgoing);
    else this.#giveUp(outgoing);
    this.#fill();
  }

  #refuse(outgoing: Outgoing): void {
    this.#remove(outgoing);
    this.#owner.context.meter.counts.givenUp++;
    outgoing.checker.refuse(outgoing.message);
  }

  #giveUp(outgoing: Outgoing): void {
    this.#remove(outgoing);
    this.#owner.context.meter.counts.givenUp++;
    outgoing.checker.giveUp(outgoing.message);
  }

  #remove(outgoing: Outgoing): void {
    this.#endAttempt(outgoing);
    if (this.#waiting.delete(outgoing)) this.#owner.context.meter.inFlight--;
  }

  #endAttempt(outgoing: Outgoing): void {
    if (outgoing.sentAt > 0) this.#underWay--;
    outgoing.sentAt = 0;
  }

  #pauseFor(ms: number | undefined): void {
    if (this.#pause !== undefined) return;
    const jitter = 0.5 + Math.random() / 2;
    const backOff = Math.min(PAUSE.longestMs, PAUSE.firstMs * 2 ** Math.min(this.#refusals++, 5)) * jitter;
    this.#pause = setTimeout(() => this.#resume(), ms ?? backOff);
  }

  #resume(): void {
    if (this.#underWay > 0) {
      this.#pause = setTimeout(() => this.#resume(), ANSWERED_CHECK_MS);
      return;
    }
    this.#pause = undefined;
    this.#window = 1;
    this.#fill();
  }
}
