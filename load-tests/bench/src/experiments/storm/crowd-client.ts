import type { Message, SyncAck } from '@chat-cluster/contracts';
import { EventOrder, type LeanClientOptions, ReconnectingClient, SeqWindow } from '@chat-cluster/testkit/lean-client';

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
  /** Syncs beyond the one after each connect: because of a gap, of `sync_required`, or repeated after an error. */
  extraSyncs: number;
}

type SyncReply = SyncAck | { ok: false; error: { retryAfterMs?: number } };
type Part = 'session' | 'badge' | 'sync';

/** Pause before a repeated sync whose error has no `retryAfterMs`, in ms. */
const RETRY_MS = 1_000;

/**
 * A chat client that follows packages/contracts/README.md on a lean connection: it reconnects with the back-off of a
 * stock client, sends `sync` after each connect, and again when a seq is skipped. It is in sync when it is connected
 * and has its session, its badge and the answer to that `sync`.
 */
export class CrowdClient {
  badge = -1;
  readonly held = new SeqWindow();
  #conversationId: string;
  #client: ReconnectingClient;
  #counts: CrowdCounts;
  #onInSync: () => void;
  #hasConnected = false;
  #missing = new Set<Part>();
  /** The events of this connection. */
  #events = new EventOrder();

  /** `onInSync` is called once for each connection. */
  constructor(
    { user, token, conversationId }: CrowdUser,
    url: () => string,
    counts: CrowdCounts,
    onInSync: () => void,
  ) {
    this.#conversationId = conversationId;
    this.#counts = counts;
    this.#onInSync = onInSync;
    this.#client = new ReconnectingClient(() => this.#attempt({ url: url(), token }), {
      connected: () => {
        this.#hasConnected = true;
        this.#sync();
      },
      event: (name, payload) => this.#event(name, payload),
      lost: (refusal = '') => {
        if (refusal === 'HTTP 503') counts.refused++;
        if (refusal && !refusal.startsWith('HTTP')) throw new Error(`${user} was refused: ${refusal}`);
      },
    });
  }

  connect(): void {
    this.#client.connect();
  }

  #attempt(target: LeanClientOptions): LeanClientOptions {
    if (this.#hasConnected) this.#counts.attempts++;
    this.#missing = new Set(['session', 'badge', 'sync']);
    this.#events = new EventOrder();
    return target;
  }

  #event(name: string, payload: { count: number } & Message): void {
    if (name === 'session') this.#obtained('session');
    if (name === 'unread_count') {
      this.badge = payload.count;
      this.#obtained('badge');
    }
    if (name === 'sync_required') this.#syncAgain();
    if (name !== 'new_message') return;
    if (this.#events.add(payload.seq) === 'repeated') this.#counts.duplicates++;
    this.held.add(payload.seq);
    // While the first sync is under way, its answer will close the gap.
    if (this.held.hasGap && !this.#missing.has('sync')) this.#syncAgain();
  }

  #syncAgain(): void {
    this.#counts.extraSyncs++;
    this.#sync();
  }

  #sync(): void {
    const request = { conversations: [{ id: this.#conversationId, afterSeq: this.held.upTo }] };
    this.#client.connection?.call('sync', request, (reply: SyncReply) => this.#synced(reply));
  }

  #synced(reply: SyncReply): void {
    if (!reply.ok) {
      this.#counts.extraSyncs++;
      const { connection } = this.#client;
      const again = () => connection === this.#client.connection && this.#sync();
      setTimeout(again, reply.error.retryAfterMs ?? RETRY_MS);
      return;
    }
    for (const { seq } of reply.conversations[0]?.messages ?? []) this.held.add(seq);
    if (reply.hasMore) this.#sync();
    else this.#obtained('sync');
  }

  #obtained(part: Part): void {
    if (this.#missing.delete(part) && this.#missing.size === 0) this.#onInSync();
  }
}
