import type { ConversationId, Typing, UserId } from '@chat-cluster/contracts';
import type { Batch } from './batch.ts';
import type { Clock, Wire } from './core/seams.ts';

/** Interval at which the sender repeats its signal, and time for which the receiver shows it; in ms. */
const REPEAT_MS = 3_000;
const SHOWN_MS = 5_000;

export interface TypingSignalsDeps {
  readonly clock: Clock;
  readonly batch: Batch;
  /** The connection, while live. */
  readonly live: Wire | undefined;
}

/** Typing of this user (sent while live, otherwise dropped) and of others (ended when no signal follows). */
export class TypingSignals {
  #deps: TypingSignalsDeps;
  /** Time of the last signal of this user, in ms since 1970. */
  #sentAt = new Map<ConversationId, number>();
  /** Those who type, by conversation and user. */
  #shown = new Map<string, { typing: Typing; cancel: () => void }>();

  constructor(deps: TypingSignalsDeps) {
    this.#deps = deps;
  }

  /** The connection is lost. */
  stop(): void {
    this.#sentAt.clear();
  }

  send(conversationId: ConversationId, typing: boolean): void {
    const { live, clock } = this.#deps;
    const now = clock.now();
    const agoMs = now - (this.#sentAt.get(conversationId) ?? Number.NEGATIVE_INFINITY);
    if (!live || (typing ? agoMs < REPEAT_MS : agoMs > SHOWN_MS)) return;
    if (typing) this.#sentAt.set(conversationId, now);
    else this.#sentAt.delete(conversationId);
    // Volatile: a refusal has no consequence.
    live.call('typing', { conversationId, typing }, () => {});
  }

  /** A message of this user is stored. It ends the typing for others, so the next key is signalled at once. */
  sent(conversationId: ConversationId): void {
    this.#sentAt.delete(conversationId);
  }

  receive(typing: Typing): void {
    const { conversationId, userId } = typing;
    if (!typing.typing) {
      this.end(conversationId, userId);
      return;
    }
    const key = conversationId + userId;
    const shown = this.#shown.get(key);
    shown?.cancel();
    const cancel = this.#deps.clock.after(SHOWN_MS, () => this.end(conversationId, userId));
    this.#shown.set(key, { typing, cancel });
    if (!shown) this.#deps.batch.emit('typing', typing);
  }

  /** The user has stopped, or has sent a message. */
  end(conversationId: ConversationId, userId: UserId): void {
    const key = conversationId + userId;
    const shown = this.#shown.get(key);
    if (!shown) return;
    shown.cancel();
    this.#shown.delete(key);
    this.#deps.batch.emit('typing', { conversationId, userId, typing: false });
  }

  /** Ends the typing of all others, for another user or the end of the client. */
  clear(): void {
    this.stop();
    for (const { typing } of this.#shown.values()) this.end(typing.conversationId, typing.userId);
  }
}
