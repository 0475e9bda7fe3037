import type { ConversationId, ReadAck } from '@chat-cluster/contracts';
import type { ChatCore } from './core/core.ts';
import { type Clock, isFinal, type Wire } from './core/seams.ts';
import type { Extension } from './extension.ts';
import type { Page } from './types.ts';

/** Shortest time between two read marks of one conversation, in ms. */
const INTERVAL_MS = 1_000;

export interface ReadMarksDeps {
  readonly clock: Clock;
  readonly page: Page;
  readonly extension: Extension | undefined;
  readonly core: Pick<ChatCore, 'readUpTo'>;
  /** The connection, while live. */
  readonly live: Wire | undefined;
}

/**
 * Sends read marks: the newest one per conversation, at most once per second, and while the page is visible. A mark whose
 * connection is lost before its ack is sent again.
 */
export class ReadMarks {
  #deps: ReadMarksDeps;
  /** Marks without an ack. */
  #pending = new Map<ConversationId, number>();
  /** Marks that were sent, with their connection. */
  #sent = new Map<ConversationId, [Wire, number]>();
  /** Earliest time of the next mark, in ms since 1970. */
  #nextAt = new Map<ConversationId, number>();
  #cancelTimer: (() => void) | undefined;

  constructor(deps: ReadMarksDeps) {
    this.#deps = deps;
  }

  read(id: ConversationId, upToSeq: number): void {
    if (upToSeq <= this.#deps.core.readUpTo(id) || upToSeq < (this.#pending.get(id) ?? 0)) return;
    this.#pending.set(id, upToSeq);
    this.#sent.delete(id);
    this.flush();
  }

  clear(): void {
    this.#pending.clear();
    this.#sent.clear();
    this.#nextAt.clear();
  }

  /** Sends the marks that are due. Without a connection and on a hidden page they stay. */
  flush(): void {
    const { clock, page, live } = this.#deps;
    this.#cancelTimer?.();
    if (!live || page.isVisible?.() === false) return;
    const now = clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const [id, upToSeq] of this.#pending) {
      const [wire, sent] = this.#sent.get(id) ?? [];
      if (wire === live && sent === upToSeq) continue;
      const at = this.#nextAt.get(id) ?? 0;
      if (at <= now) this.#send(live, id, upToSeq, now);
      else next = Math.min(next, at);
    }
    if (Number.isFinite(next)) this.#cancelTimer = clock.after(next - now, () => this.flush());
  }

  #send(wire: Wire, id: ConversationId, upToSeq: number, now: number): void {
    this.#sent.set(id, [wire, upToSeq]);
    this.#nextAt.set(id, now + INTERVAL_MS);
    wire.call<ReadAck>('read_messages', { conversationId: id, upToSeq }, (answer) => {
      this.#sent.delete(id);
      if (answer.ok) this.#deps.extension?.marked(answer);
      if (answer.ok || isFinal(answer.error)) {
        if (this.#pending.get(id) === upToSeq) this.#pending.delete(id);
        return;
      }
      this.#nextAt.set(id, this.#deps.clock.now() + Math.max(INTERVAL_MS, answer.error.retryAfterMs ?? 0));
      this.flush();
    });
  }
}
