import type { ConversationId, Message } from '@chat-cluster/contracts';
import { EventOrder, LeanDevice } from '@chat-cluster/testkit/lean-client';

/** A client of the crowd. In its only conversation another user writes to it. */
export interface CrowdUser {
  user: string;
  token: string;
  conversationId: string;
}

/** Counts of all clients together. */
export interface CrowdCounts {
  /** Connection attempts since the first connection was lost. */
  attempts: number;
  /** Attempts that were answered with 503. */
  refused: number;
  /** Messages that came twice on one connection. */
  duplicates: number;
  /** Syncs beyond the one after each connect: for missed messages, after `sync_required`, or repeated after an error. */
  extraSyncs: number;
}

/**
 * A device of the client library on a lean connection, which reconnects with the back-off of a stock client. It is in
 * sync when it is connected, has its session and its badge, and the library has nothing more to sync.
 */
export class CrowdClient {
  readonly #conversationId: ConversationId;
  readonly #device: LeanDevice;
  readonly #counts: CrowdCounts;
  readonly #onInSync: () => void;
  #hasConnected = false;
  /** Of this connection. */
  #events = new EventOrder();
  #syncs = 0;
  #hasBadge = false;
  #isInSync = false;

  /** `onInSync` is called once for each connection. */
  constructor(
    { user, token, conversationId }: CrowdUser,
    url: () => string,
    counts: CrowdCounts,
    onInSync: () => void,
  ) {
    this.#conversationId = conversationId as ConversationId;
    this.#counts = counts;
    this.#onInSync = onInSync;
    this.#device = new LeanDevice(() => this.#attempt({ url: url(), token }), {
      opened: () => {
        this.#hasConnected = true;
      },
      event: (name, payload: Message) => {
        if (name === 'new_message' && this.#events.add(payload.seq) === 'repeated') counts.duplicates++;
      },
      requested: (event) => {
        if (event === 'sync' && this.#syncs++ > 0) counts.extraSyncs++;
      },
      badge: () => {
        this.#hasBadge = true;
        this.#check();
      },
      caughtUp: () => this.#check(),
      lost: (_, refusal = '') => {
        if (refusal === 'HTTP 503') counts.refused++;
        if (refusal && !refusal.startsWith('HTTP')) throw new Error(`${user} was refused: ${refusal}`);
      },
    });
    this.#device.core.state(this.#conversationId);
  }

  get badge(): number {
    return this.#device.core.badge ?? -1;
  }

  /** Every message up to this seq is here. */
  get upTo(): number {
    return this.#device.core.state(this.#conversationId).upTo ?? 0;
  }

  connect(): void {
    this.#device.connect();
  }

  #attempt<Target>(target: Target): Target {
    if (this.#hasConnected) this.#counts.attempts++;
    this.#events = new EventOrder();
    this.#syncs = 0;
    this.#hasBadge = false;
    this.#isInSync = false;
    return target;
  }

  #check(): void {
    if (this.#isInSync || !this.#hasBadge || !this.#device.isLive) return;
    this.#isInSync = true;
    this.#onInSync();
  }
}
