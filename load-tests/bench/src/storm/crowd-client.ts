import type { Message, SyncAck } from '@chat-cluster/contracts';
import { LeanClient } from '@chat-cluster/testkit/lean-client';

/** What a client of the crowd is given. Its only conversation is one in which another user writes to it. */
export interface CrowdUser {
  userId: string;
  token: string;
  conversationId: string;
}

/** What went on at a client, or at all of them. */
export interface CrowdCounts {
  /** Connections tried since the first one was lost. */
  attempts: number;
  /** Of those, answered with 503. */
  refused: number;
  /** Messages that came twice on one connection. */
  duplicates: number;
  /** Syncs beyond the one after each connect: because of a hole, or of `sync_required`. */
  extraSyncs: number;
}

type SyncAnswer = SyncAck | { ok: false; error: { retryAfterMs?: number } };

/** Those of a stock client: 1 s after the loss, doubled up to 5 s, each 50 % more or less; an attempt has 20 s. */
const BACKOFF = { firstMs: 1_000, longestMs: 5_000, jitter: 0.5, attemptMs: 20_000 };

/**
 * A chat client as packages/contracts/README.md asks for, on a lean connection: comes back with the back-off of a stock
 * client, sends `sync` after each connect, and again when a seq is skipped. It is in sync when it is connected and has
 * its session, its badge and the answer to that `sync`.
 */
export class CrowdClient {
  badge = -1;
  #user: CrowdUser;
  #port: () => number;
  #inSync: () => void;
  #counts: CrowdCounts;
  #socket: LeanClient | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #connectedBefore = false;
  #lacks = new Set<'session' | 'badge' | 'sync'>();
  /** Every seq up to here is held, and these beyond. */
  #upTo = 0;
  #beyond = new Set<number>();
  #heardHere = new Set<number>();

  /** `inSync` is called once for each connection. */
  constructor(user: CrowdUser, port: () => number, counts: CrowdCounts, inSync: () => void) {
    this.#user = user;
    this.#port = port;
    this.#counts = counts;
    this.#inSync = inSync;
  }

  get upTo(): number {
    return this.#upTo;
  }

  connect(): void {
    if (this.#connectedBefore) this.#counts.attempts++;
    this.#lacks = new Set(['session', 'badge', 'sync']);
    this.#heardHere.clear();
    const at = { url: `http://127.0.0.1:${this.#port()}`, token: this.#user.token };
    const socket = new LeanClient(at, {
      connected: () => this.#connected(),
      refused: (code) => {
        throw new Error(`${this.#user.userId} was refused: ${code}`);
      },
      event: (name, payload) => this.#event(name, payload),
      closed: (status) => this.#lost(status),
    });
    this.#socket = socket;
    this.#timer = setTimeout(() => socket.close(), BACKOFF.attemptMs);
  }

  #lost(status: number | undefined): void {
    clearTimeout(this.#timer);
    if (status === 503) this.#counts.refused++;
    const delay = Math.min(BACKOFF.longestMs, this.#pauseMs());
    this.#failures++;
    this.#timer = setTimeout(() => this.connect(), delay);
  }

  #pauseMs(): number {
    const spread = 1 - BACKOFF.jitter + 2 * BACKOFF.jitter * Math.random();
    return BACKOFF.firstMs * 2 ** Math.min(this.#failures, 10) * spread;
  }

  #connected(): void {
    clearTimeout(this.#timer);
    this.#connectedBefore = true;
    this.#failures = 0;
    this.#sync();
  }

  #sync(): void {
    const question = { conversations: [{ id: this.#user.conversationId, afterSeq: this.#upTo }] };
    this.#socket?.call('sync', question, (answer: SyncAnswer) => this.#synced(answer));
  }

  #synced(answer: SyncAnswer): void {
    if (!answer.ok) {
      this.#counts.extraSyncs++;
      this.#timer = setTimeout(() => this.#sync(), answer.error.retryAfterMs ?? BACKOFF.firstMs);
      return;
    }
    for (const { seq } of answer.conversations[0]?.messages ?? []) this.#hold(seq);
    if (answer.hasMore) this.#sync();
    else this.#has('sync');
  }

  #event(name: string, payload: { count: number } & Message): void {
    if (name === 'session') this.#has('session');
    if (name === 'unread_count') {
      this.badge = payload.count;
      this.#has('badge');
    }
    if (name === 'sync_required') this.#syncAgain();
    if (name !== 'new_message') return;
    if (this.#heardHere.has(payload.seq)) this.#counts.duplicates++;
    this.#heardHere.add(payload.seq);
    this.#hold(payload.seq);
    // What lies before is on its way with the answer to the first sync, if that is still awaited.
    if (this.#beyond.size > 0 && !this.#lacks.has('sync')) this.#syncAgain();
  }

  #syncAgain(): void {
    this.#counts.extraSyncs++;
    this.#sync();
  }

  #hold(seq: number): void {
    if (seq > this.#upTo) this.#beyond.add(seq);
    while (this.#beyond.delete(this.#upTo + 1)) this.#upTo++;
  }

  #has(part: 'session' | 'badge' | 'sync'): void {
    if (this.#lacks.delete(part) && this.#lacks.size === 0) this.#inSync();
  }
}
