import type { ConversationId } from '@chat-cluster/contracts';
import { DELIVERED_CONVERSATIONS, RECEIPT_MEMBERS } from '../wire.ts';
import type { ChatCore } from './core.ts';
import { type Clock, isFinal, pauseMs, type Wire } from './seams.ts';

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

  /** The device has the messages of others up to this one. `memberCount`: of a group. Large groups have no marks. */
  add(id: ConversationId, upToSeq: number, memberCount = 0): void {
    if (memberCount > RECEIPT_MEMBERS) return;
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
    const conversations = unread.splice(0, DELIVERED_CONVERSATIONS).map(([id, upToSeq]) => ({ id, upToSeq }));
    this.#pending = new Map(unread);
    if (conversations.length === 0) return;
    live.call('mark_delivered', { conversations }, (answer) => {
      if (answer.ok || isFinal(answer.error)) return;
      for (const { id, upToSeq } of conversations) this.add(id, upToSeq);
      this.stop();
      this.start(pauseMs(clock, answer.error.retryAfterMs, 0, PAUSE_MS));
    });
    this.start();
  }
}
