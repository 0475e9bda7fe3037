import type { ConversationId, FailureAck, ReadAck } from '@chat-cluster/contracts';
import type { Clock, Wire } from './core/seams.ts';

/** Shortest time between two read marks of one conversation, in ms. */
const INTERVAL_MS = 1_000;

export interface ReadMarksDeps {
  clock: Clock;
  isVisible(): boolean;
  /** How far this user has read, as far as known. */
  readUpTo(id: ConversationId): number;
}

/** Sends read marks: the newest one per conversation, at most once per second, and while the page is visible. */
export class ReadMarks {
  #deps: ReadMarksDeps;
  #wire: Wire | undefined;
  #pending = new Map<ConversationId, number>();
  /** Sent on this connection, without an answer. */
  #underWay = new Map<ConversationId, number>();
  /** Earliest time of the next mark, in ms since 1970. */
  #nextAt = new Map<ConversationId, number>();
  #cancelTimer: (() => void) | undefined;

  constructor(deps: ReadMarksDeps) {
    this.#deps = deps;
  }

  read(id: ConversationId, upToSeq: number): void {
    if (upToSeq <= Math.max(this.#deps.readUpTo(id), this.#pending.get(id) ?? 0)) return;
    this.#pending.set(id, upToSeq);
    this.flush();
  }

  start(wire: Wire): void {
    this.#wire = wire;
    this.flush();
  }

  /** The connection is lost. Marks without an answer are sent again. */
  stop(): void {
    this.#wire = undefined;
    for (const [id, upToSeq] of this.#underWay) this.#keep(id, upToSeq);
    this.#underWay.clear();
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  clear(): void {
    this.#pending.clear();
    this.#underWay.clear();
    this.#nextAt.clear();
  }

  /** Sends the marks that are due. */
  flush(): void {
    const { clock, isVisible } = this.#deps;
    const wire = this.#wire;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (!wire || !isVisible()) return;
    const now = clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const [id, at] of this.#nextAt) if (at <= now) this.#nextAt.delete(id);
    for (const [id, upToSeq] of this.#pending) {
      const at = this.#nextAt.get(id);
      if (at === undefined) this.#send(wire, id, upToSeq, now);
      else next = Math.min(next, at);
    }
    if (Number.isFinite(next)) this.#cancelTimer = clock.after(next - now, () => this.flush());
  }

  #send(wire: Wire, id: ConversationId, upToSeq: number, now: number): void {
    this.#pending.delete(id);
    this.#underWay.set(id, upToSeq);
    this.#nextAt.set(id, now + INTERVAL_MS);
    wire.call<ReadAck>('read_messages', { conversationId: id, upToSeq }, (answer: ReadAck | FailureAck) => {
      if (this.#underWay.get(id) === upToSeq) this.#underWay.delete(id);
      if (answer.ok || !answer.error.retryable) return;
      this.#keep(id, upToSeq);
      this.#nextAt.set(id, this.#deps.clock.now() + Math.max(INTERVAL_MS, answer.error.retryAfterMs ?? 0));
      this.flush();
    });
  }

  #keep(id: ConversationId, upToSeq: number): void {
    this.#pending.set(id, Math.max(upToSeq, this.#pending.get(id) ?? 0));
  }
}
