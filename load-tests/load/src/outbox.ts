/*
 * What a device has sent and has no ack of, in order. A message stays until its ack or a refusal for good. After a
 * retryable refusal nothing more goes out until the pause it asked for is over and everything under way is answered; then
 * what is left goes out again, in order, under the same ids: one, and after its ack two, and so on up to a bound, so that
 * who was refused for sending too much does not send it all again. After a lost connection all of it goes out at once, as
 * the buffer of a stock client does.
 */
import type { FailureAck, SendAck } from '@chat-cluster/contracts';
import type { LeanClient } from '@chat-cluster/testkit/lean-client';
import { refuse } from './counts.ts';
import type { Entry } from './entry.ts';
import type { Ledger } from './ledger.ts';
import type { Surroundings } from './surroundings.ts';

/** Who hears nothing for so long asks again. Above the 7 s after which a gateway says TIMEOUT. */
export const ANSWER_MS = 10_000;

/** The device, as far as an outbox needs it. */
export interface Line {
  /** Its connection, when there is one, and its number. */
  readonly client: LeanClient | undefined;
  readonly connection: number;
  readonly around: Surroundings;
}

interface Outgoing {
  ledger: Ledger;
  entry: Entry;
  /** 0: not under way. */
  sentAt: number;
}

/** Where a refusal names no pause: doubled up to a second, with jitter. */
const PAUSE = { firstMs: 100, longestMs: 1_000 };
/** Between two looks whether everything under way is answered. */
const LOOK_AGAIN_MS = 20;
/** Under way at a time after a refusal, until nothing waits any more. */
const MOST_AFTER_REFUSAL = 64;
/** These say that nothing was accepted; others that nobody knows. */
const NOT_ACCEPTED = ['OVERLOADED', 'RATE_LIMITED'];

export class Outbox {
  #line: Line;
  #waiting = new Set<Outgoing>();
  #underWay = 0;
  #failures = 0;
  /** How many may be under way. */
  #window = Number.POSITIVE_INFINITY;
  #pause: NodeJS.Timeout | undefined;

  constructor(line: Line) {
    this.#line = line;
  }

  get size(): number {
    return this.#waiting.size;
  }

  add(ledger: Ledger, entry: Entry): void {
    const outgoing = { ledger, entry, sentAt: 0 };
    this.#waiting.add(outgoing);
    this.#line.around.meter.inFlight++;
    if (this.#window === Number.POSITIVE_INFINITY && this.#pause === undefined) this.#say(outgoing);
    else this.#fill();
  }

  /** Sends everything that is not under way, in order. */
  flush(): void {
    this.#endPause();
    this.#window = Number.POSITIVE_INFINITY;
    this.#fill();
  }

  /** The connection is gone: what was under way may have arrived or not. */
  interrupt(): void {
    this.#endPause();
    for (const outgoing of this.#waiting) {
      const tried = outgoing.sentAt > 0;
      this.#landed(outgoing);
      if (tried && !this.#line.around.resend) this.#giveUp(outgoing);
    }
  }

  /** What has had no answer for too long goes out again. */
  expire(now: number): void {
    if (this.#underWay === 0) return;
    const oldest = this.#waiting.values().find(({ sentAt }) => sentAt > 0);
    if (!oldest || now - oldest.sentAt < ANSWER_MS) return;
    refuse(this.#line.around.meter.counts, 'no answer');
    this.interrupt();
    this.#pauseFor(undefined);
  }

  close(): void {
    this.#endPause();
  }

  /** Sends in order what may go out. */
  #fill(): void {
    if (this.#pause !== undefined) return;
    // Those under way are the first ones, and few while there is a bound.
    for (const outgoing of this.#waiting) {
      if (this.#underWay >= this.#window) return;
      if (outgoing.sentAt === 0) this.#say(outgoing);
    }
    this.#window = Number.POSITIVE_INFINITY;
  }

  #say(outgoing: Outgoing): void {
    const { client, connection, around } = this.#line;
    if (!client) return;
    const { ledger, entry } = outgoing;
    ledger.attempt(entry, connection);
    outgoing.sentAt = performance.now();
    this.#underWay++;
    const draft = {
      conversationId: ledger.conversationId,
      content: around.content,
      clientMessageId: ledger.clientMessageId(entry),
    };
    const { sentAt } = outgoing;
    client.call('send_message', draft, (answer: SendAck | FailureAck) => this.#answered(outgoing, sentAt, answer));
  }

  #answered(outgoing: Outgoing, sentAt: number, answer: SendAck | FailureAck): void {
    const { ledger, entry } = outgoing;
    // The answer to an earlier attempt says nothing about the one under way, unless it is an ack.
    const isLast = outgoing.sentAt === sentAt;
    if (answer.ok) {
      this.#failures = 0;
      this.#remove(outgoing);
      ledger.ack(entry, answer.message.seq);
      if (this.#window === Number.POSITIVE_INFINITY) return;
      this.#window = Math.min(MOST_AFTER_REFUSAL, this.#window * 2);
      this.#fill();
      return;
    }
    const { code, retryable, retryAfterMs } = answer.error;
    refuse(this.#line.around.meter.counts, code);
    if (!isLast) return;
    this.#landed(outgoing);
    if (!retryable) this.#refused(outgoing);
    else if (this.#line.around.resend) this.#pauseFor(retryAfterMs);
    else if (NOT_ACCEPTED.includes(code)) this.#refused(outgoing);
    else this.#giveUp(outgoing);
    this.#fill();
  }

  #refused(outgoing: Outgoing): void {
    this.#remove(outgoing);
    this.#line.around.meter.counts.givenUp++;
    outgoing.ledger.refuse(outgoing.entry);
  }

  #giveUp(outgoing: Outgoing): void {
    this.#remove(outgoing);
    this.#line.around.meter.counts.givenUp++;
    outgoing.ledger.giveUp(outgoing.entry);
  }

  #landed(outgoing: Outgoing): void {
    if (outgoing.sentAt > 0) this.#underWay--;
    outgoing.sentAt = 0;
  }

  #remove(outgoing: Outgoing): void {
    this.#landed(outgoing);
    if (this.#waiting.delete(outgoing)) this.#line.around.meter.inFlight--;
  }

  #pauseFor(ms: number | undefined): void {
    if (this.#pause !== undefined) return;
    const jitter = 0.5 + Math.random() / 2;
    const backOff = Math.min(PAUSE.longestMs, PAUSE.firstMs * 2 ** Math.min(this.#failures++, 5)) * jitter;
    this.#pause = setTimeout(() => this.#resume(), ms ?? backOff);
  }

  #resume(): void {
    if (this.#underWay > 0) {
      this.#pause = setTimeout(() => this.#resume(), LOOK_AGAIN_MS);
      return;
    }
    this.#pause = undefined;
    this.#window = 1;
    this.#fill();
  }

  #endPause(): void {
    clearTimeout(this.#pause);
    this.#pause = undefined;
  }
}
