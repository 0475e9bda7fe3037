import type { ConversationId } from '@chat-cluster/contracts';
import type { ChatCore } from '../core/core.ts';
import { type Clock, isFinal, pauseMs, type Wire } from '../core/seams.ts';
import { DELIVERED_CONVERSATIONS } from './wire.ts';

/** Time in which marks collect, in ms. */
const COLLECT_MS = 1_000;
/** Pause after a refusal without `retryAfterMs`: about this time, in ms. */
const PAUSE_MS = 5_000;

export interface DeliveredMarksDeps {
  readonly clock: Clock;
  readonly core: Pick<ChatCore, 'readUpTo'>;
  /** The connection, while live. */
  readonly live: Wire | undefined;
  /** One tab of a user sends. */
  readonly tabs: { readonly isLeading: boolean };
}

/**
 * Reports which messages this device has: the newest per conversation, once per second at most. A read mark implies it. A
 * report may be lost; the next one of the conversation contains it.
 */
export class DeliveredMarks {
  #deps: DeliveredMarksDeps;
  #pending = new Map<ConversationId, number>();
  #cancelTimer: (() => void) | undefined;

  constructor(deps: DeliveredMarksDeps) {
    this.#deps = deps;
  }

  add(id: ConversationId, upToSeq: number): void {
    this.#pending.set(id, Math.max(upToSeq, this.#pending.get(id) ?? 0));
    this.start();
  }

  /** The client is live. */
  start(ms: number = COLLECT_MS): void {
    if (this.#cancelTimer || this.#pending.size === 0) return;
    this.#cancelTimer = this.#deps.clock.after(ms, () => this.#send());
  }

  /** The connection is lost. */
  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  clear(): void {
    this.stop();
    this.#pending.clear();
  }

  #send(): void {
    const { live, core, tabs, clock } = this.#deps;
    this.#cancelTimer = undefined;
    if (!live) return;
    if (!tabs.isLeading) this.#pending.clear();
    const unread = [...this.#pending].filter(([id, upToSeq]) => upToSeq > core.readUpTo(id));
    const slice = unread.slice(0, DELIVERED_CONVERSATIONS);
    this.#pending = new Map(unread.slice(DELIVERED_CONVERSATIONS));
    if (slice.length === 0) return;
    const conversations = slice.map(([id, upToSeq]) => ({ id, upToSeq }));
    live.call('mark_delivered', { conversations }, (answer) => {
      if (answer.ok || isFinal(answer.error)) return;
      for (const [id, upToSeq] of slice) this.#pending.set(id, Math.max(upToSeq, this.#pending.get(id) ?? 0));
      this.stop();
      this.start(pauseMs(clock, answer.error.retryAfterMs, 0, PAUSE_MS));
    });
    this.start();
  }
}
