import type { ConversationId, Message } from '@chat-cluster/contracts';
import { EventOrder, LeanClient, LeanDevice } from '@chat-cluster/testkit/lean-client';

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
export class CrowdClient extends LeanDevice {
  readonly #user: string;
  readonly #conversationId: ConversationId;
  readonly #counts: CrowdCounts;
  readonly #onInSync: () => void;
  /** Events and syncs of this connection. */
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
    super((events) => {
      // Not the first connection.
      if (this.core.userId !== undefined) counts.attempts++;
      return new LeanClient({ url: url(), token }, events);
    });
    this.#user = user;
    this.#conversationId = conversationId as ConversationId;
    this.#counts = counts;
    this.#onInSync = onInSync;
    this.core.state(this.#conversationId);
  }

  /** Every message up to this seq is here. */
  get upTo(): number {
    return this.core.state(this.#conversationId).upTo ?? 0;
  }

  override event(name: string, { seq }: Message): void {
    if (name === 'new_message' && this.#events.add(seq) === 'repeated') this.#counts.duplicates++;
  }

  override requested(event: string): void {
    if (event === 'sync' && this.#syncs++ > 0) this.#counts.extraSyncs++;
  }

  override counted(): void {
    this.#hasBadge = true;
    this.#check();
  }

  override caughtUp(): void {
    super.caughtUp();
    this.#check();
  }

  override lost(_wasOpen: boolean, refusal = ''): void {
    if (refusal === 'HTTP 503') this.#counts.refused++;
    if (refusal && !refusal.startsWith('HTTP')) throw new Error(`${this.#user} was refused: ${refusal}`);
    this.#events = new EventOrder();
    this.#syncs = 0;
    this.#hasBadge = false;
    this.#isInSync = false;
  }

  #check(): void {
    if (this.#isInSync || !this.#hasBadge || !this.isLive) return;
    this.#isInSync = true;
    this.#onInSync();
  }
}
