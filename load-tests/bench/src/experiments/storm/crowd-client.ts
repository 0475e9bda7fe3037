import type { Message, SyncAck } from '@chat-cluster/contracts';
import { LeanClient } from '@chat-cluster/testkit/lean-client';

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

/**
 * Back-off of a stock client: 1 s after the loss, doubled up to 5 s, each ± 50 %. An attempt is given up after 20 s.
 */
const BACKOFF = { firstMs: 1_000, maxMs: 5_000, jitter: 0.5, attemptMs: 20_000 };

/**
 * A chat client that follows packages/contracts/README.md on a lean connection: it reconnects with the back-off of a
 * stock client, sends `sync` after each connect, and again when a seq is skipped. It is in sync when it is connected
 * and has its session, its badge and the answer to that `sync`.
 */
export class CrowdClient {
  badge = -1;
  /** Every seq up to this one has arrived; `#beyond` holds higher ones. */
  upTo = 0;
  #beyond = new Set<number>();
  #user: CrowdUser;
  #url: () => string;
  #counts: CrowdCounts;
  #onInSync: () => void;
  #socket: LeanClient | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #hasConnected = false;
  #missing = new Set<Part>();
  /** The seqs that arrived as events on this connection. */
  #seqsHere = new Set<number>();

  /** `onInSync` is called once for each connection. */
  constructor(user: CrowdUser, url: () => string, counts: CrowdCounts, onInSync: () => void) {
    this.#user = user;
    this.#url = url;
    this.#counts = counts;
    this.#onInSync = onInSync;
  }

  connect(): void {
    if (this.#hasConnected) this.#counts.attempts++;
    this.#missing = new Set(['session', 'badge', 'sync']);
    this.#seqsHere.clear();
    const { token, user } = this.#user;
    const socket = new LeanClient(
      { url: this.#url(), token },
      {
        connected: () => this.#connected(),
        refused: (code) => {
          throw new Error(`${user} was refused: ${code}`);
        },
        event: (name, payload) => this.#event(name, payload),
        closed: (status) => this.#closed(status),
      },
    );
    this.#socket = socket;
    this.#timer = setTimeout(() => socket.close(), BACKOFF.attemptMs);
  }

  #connected(): void {
    clearTimeout(this.#timer);
    this.#hasConnected = true;
    this.#failures = 0;
    this.#sync();
  }

  #closed(status: number | undefined): void {
    clearTimeout(this.#timer);
    if (status === 503) this.#counts.refused++;
    const spread = 1 - BACKOFF.jitter + 2 * BACKOFF.jitter * Math.random();
    const pause = BACKOFF.firstMs * 2 ** Math.min(this.#failures++, 10) * spread;
    this.#timer = setTimeout(() => this.connect(), Math.min(BACKOFF.maxMs, pause));
  }

  #event(name: string, payload: { count: number } & Message): void {
    if (name === 'session') this.#obtained('session');
    if (name === 'unread_count') {
      this.badge = payload.count;
      this.#obtained('badge');
    }
    if (name === 'sync_required') this.#syncAgain();
    if (name !== 'new_message') return;
    if (this.#seqsHere.has(payload.seq)) this.#counts.duplicates++;
    this.#seqsHere.add(payload.seq);
    this.#add(payload.seq);
    // While the first sync is under way, its answer will close the gap.
    if (this.#beyond.size > 0 && !this.#missing.has('sync')) this.#syncAgain();
  }

  #syncAgain(): void {
    this.#counts.extraSyncs++;
    this.#sync();
  }

  #sync(): void {
    const request = { conversations: [{ id: this.#user.conversationId, afterSeq: this.upTo }] };
    this.#socket?.call('sync', request, (reply: SyncReply) => this.#synced(reply));
  }

  #synced(reply: SyncReply): void {
    if (!reply.ok) {
      this.#counts.extraSyncs++;
      this.#timer = setTimeout(() => this.#sync(), reply.error.retryAfterMs ?? BACKOFF.firstMs);
      return;
    }
    for (const { seq } of reply.conversations[0]?.messages ?? []) this.#add(seq);
    if (reply.hasMore) this.#sync();
    else this.#obtained('sync');
  }

  #add(seq: number): void {
    if (seq > this.upTo) this.#beyond.add(seq);
    while (this.#beyond.delete(this.upTo + 1)) this.upTo++;
  }

  #obtained(part: Part): void {
    if (this.#missing.delete(part) && this.#missing.size === 0) this.#onInSync();
  }
}
