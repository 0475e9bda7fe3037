/*
 * What a device has sent and has no ack of, in order. A message stays until its ack or a refusal for good. After a
 * retryable refusal nothing more goes out until the pause it asked for is over and everything under way is answered; then
 * all that is left goes out again, in order, under the same ids. The same after a lost connection.
 */
import type { FailureAck, SendAck } from '@chat-cluster/contracts';
import type { LeanClient } from '@chat-cluster/testkit/lean-client';
import { refuse } from './counts.ts';
import type { Entry, Ledger } from './ledger.ts';
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
/** These say that nothing was accepted; others that nobody knows. */
const NOT_ACCEPTED = ['OVERLOADED', 'RATE_LIMITED'];

export class Outbox {
  #line: Line;
  #waiting = new Set<Outgoing>();
  #underWay = 0;
  #failures = 0;
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
    if (this.#pause === undefined) this.#say(outgoing);
  }

  /** Sends everything that is not under way, in order. */
  flush(): void {
    this.#endPause();
    for (const outgoing of this.#waiting) if (outgoing.sentAt === 0) this.#say(outgoing);
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
    if (this.#underWay === 0) this.flush();
    else this.#pause = setTimeout(() => this.#resume(), LOOK_AGAIN_MS);
  }

  #endPause(): void {
    clearTimeout(this.#pause);
    this.#pause = undefined;
  }
}
