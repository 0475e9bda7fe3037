/*
 * One device of a user, as packages/contracts/README.md asks for, on a lean connection: it comes back with the back-off of
 * a stock client, sends `sync` after each connect, on `sync_required` and when it sees a hole, and keeps each message
 * until its ack (outbox.ts).
 */
import type { FailureAck, Message, ReadAck, SyncAck } from '@chat-cluster/contracts';
import { LeanClient } from '@chat-cluster/testkit/lean-client';
import { refuse } from './counts.ts';
import type { Side } from './entry.ts';
import type { Ledger } from './ledger.ts';
import { ANSWER_MS, Outbox } from './outbox.ts';
import type { Surroundings } from './surroundings.ts';

/** A conversation, and which of its two users this is. */
export interface Seat {
  ledger: Ledger;
  side: Side;
}

/** Those of a stock client: 1 s after the loss, doubled up to 5 s, each 50 % more or less; an attempt has 20 s. */
const BACK_OFF = { firstMs: 1_000, longestMs: 5_000, jitter: 0.5, attemptMs: 20_000 };
const SYNC_CONVERSATIONS = 100;
const SYNC_MESSAGES = 500;
/** After a sync that did not fill a hole. */
const SYNC_AGAIN_MS = 500;
/** Beyond every seq: asks for no messages, only where the conversation stands. */
const NO_MESSAGES = 2 ** 31 - 2;

export class Device {
  readonly userId: string;
  readonly token: string;
  readonly seats = new Map<string, Seat>();
  readonly outbox: Outbox;
  /** The last `unread_count`. */
  badge: number | undefined;
  /** When something last happened that may move the badge. */
  changedAt = 0;
  /** Every conversation asked about is answered, since the last connect. */
  current = false;
  /** Of the last answer to sync. */
  unreadBySync: number | undefined;
  /** Counts connections, and tells them apart. */
  connection = 0;
  readonly around: Surroundings;
  #localAddress: string | undefined;
  #client: LeanClient | undefined;
  #open = false;
  #closed = false;
  #failures = 0;
  #lostAt = 0;
  /** The attempt to connect, or the pause before the next. */
  #timer: NodeJS.Timeout | undefined;
  #syncTimer: NodeJS.Timeout | undefined;
  #syncAskedAt = 0;
  #wantsSync = false;
  #onReady: (() => void)[] = [];
  #onClosed: ((why: string) => void) | undefined;

  constructor(user: { userId: string; token: string }, around: Surroundings, localAddress?: string) {
    this.userId = user.userId;
    this.token = user.token;
    this.around = around;
    this.#localAddress = localAddress;
    this.outbox = new Outbox(this);
  }

  /** Its connection, when the server has accepted it. */
  get client(): LeanClient | undefined {
    return this.#open ? this.#client : undefined;
  }

  /** Connected, told its badge, in sync. `onFailure` hears about each attempt that fails before that. */
  connect(onFailure?: (why: string) => void): Promise<void> {
    this.#onClosed = onFailure;
    this.#attempt();
    return this.whenReady();
  }

  whenReady(): Promise<void> {
    if (this.current && !this.#wantsSync && this.#syncAskedAt === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onReady.push(resolve));
  }

  /** Loses its connection, as by a broken network; it comes back as a stock client does. */
  drop(): void {
    this.#client?.close();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#syncTimer);
    this.outbox.close();
    this.#client?.close();
  }

  /** Marks as read what it holds; nobody tries again, the next one goes further. */
  read({ ledger, side }: Seat): void {
    const upToSeq = ledger.places[side].held.upTo;
    if (!this.client || upToSeq === 0) return;
    const { counts } = this.around.meter;
    this.changedAt = performance.now();
    const question = { conversationId: ledger.conversationId, upToSeq };
    this.client.call('read_messages', question, (answer: ReadAck | FailureAck) => {
      this.changedAt = performance.now();
      if (!answer.ok) {
        refuse(counts, answer.error.code);
        return;
      }
      counts.reads++;
      ledger.read(side, answer.upToSeq);
    });
  }

  /** Asks for what is missing; `whenReady` tells when it is here. */
  sync(): void {
    if (this.seats.size === 0) return;
    this.#wantsSync = true;
    if (this.client && this.#syncAskedAt === 0) this.#askSync(0);
  }

  /** To be called now and then: what is not answered in time is asked again. */
  expire(now: number): void {
    this.outbox.expire(now);
    if (!this.client || this.#syncAskedAt === 0 || now - this.#syncAskedAt < ANSWER_MS) return;
    refuse(this.around.meter.counts, 'no answer');
    this.#askSync(0);
  }

  #attempt(): void {
    const { url, tls } = this.around;
    const at = {
      url,
      token: this.token,
      ...(this.#localAddress === undefined ? {} : { localAddress: this.#localAddress }),
      ...(tls === undefined ? {} : { tls }),
    };
    let refusal: string | undefined;
    const client = new LeanClient(at, {
      connected: () => this.#connected(),
      refused: (code) => {
        refusal = code;
        client.close();
      },
      event: (name, payload) => this.#event(name, payload),
      closed: (status, error) => this.#lost(refusal ?? (status === undefined ? undefined : `HTTP ${status}`), error),
    });
    this.#client = client;
    this.#timer = setTimeout(() => client.close(), BACK_OFF.attemptMs);
  }

  #connected(): void {
    clearTimeout(this.#timer);
    this.#open = true;
    this.#failures = 0;
    this.connection++;
    const { meter } = this.around;
    meter.connected++;
    if (this.connection > 1) meter.counts.reconnects++;
    for (const { ledger, side } of this.seats.values()) ledger.connected(side);
    this.outbox.flush();
    if (this.seats.size > 0) this.sync();
    else this.#inSync();
  }

  #lost(refusal: string | undefined, error: Error | undefined): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#syncTimer);
    const { meter } = this.around;
    if (this.#open) {
      meter.connected--;
      meter.counts.lostConnections++;
      this.#lostAt = performance.now();
    }
    if (refusal !== undefined) refuse(meter.counts, refusal);
    this.#open = false;
    this.current = false;
    this.#syncAskedAt = 0;
    this.outbox.interrupt();
    if (this.#closed) return;
    this.#onClosed?.(refusal ?? error?.message ?? 'the connection was closed');
    const spread = 1 - BACK_OFF.jitter + 2 * BACK_OFF.jitter * Math.random();
    const pause = Math.min(BACK_OFF.longestMs, BACK_OFF.firstMs * 2 ** Math.min(this.#failures++, 10) * spread);
    this.#timer = setTimeout(() => this.#attempt(), pause);
  }

  #event(name: string, payload: Message & { count: number }): void {
    if (name === 'new_message') {
      const seat = this.seats.get(payload.conversationId);
      if (!seat) return;
      this.changedAt = performance.now();
      const { ledger, side } = seat;
      // Before its first sync has said where the conversation stands, that sync will tell.
      if (ledger.places[side].base === undefined) return;
      ledger.hear(side, payload, true);
      if (ledger.places[side].held.ahead.size > 0) this.sync();
    } else if (name === 'unread_count') {
      this.badge = payload.count;
      if (this.seats.size === 0) this.#inSync();
    } else if (name === 'sync_required') {
      this.around.meter.counts.syncRequired++;
      this.sync();
    }
  }

  #askSync(from: number): void {
    const client = this.client;
    if (!client) return;
    if (from === 0) this.#wantsSync = false;
    this.#syncAskedAt = performance.now();
    const { counts } = this.around.meter;
    counts.syncs++;
    const conversations = [...this.seats.values()].slice(from, from + SYNC_CONVERSATIONS).map(({ ledger, side }) => {
      const { base, held } = ledger.places[side];
      return { id: ledger.conversationId, afterSeq: base === undefined ? NO_MESSAGES : held.upTo };
    });
    client.call('sync', { conversations, limit: SYNC_MESSAGES }, (answer: SyncAck | FailureAck) => {
      if (client !== this.client) return;
      if (answer.ok) this.#synced(from, answer);
      else {
        refuse(counts, answer.error.code);
        this.#syncLater(from, answer.error.retryAfterMs ?? BACK_OFF.firstMs);
      }
    });
  }

  #synced(from: number, { conversations, hasMore, unread }: SyncAck): void {
    for (const { id, messages, lastSeq, readMarks } of conversations) {
      const seat = this.seats.get(id);
      if (!seat) continue;
      const { ledger, side } = seat;
      const place = ledger.places[side];
      place.lastSeq = lastSeq;
      if (place.base === undefined) ledger.startAt(side, lastSeq);
      for (const message of messages) ledger.hear(side, message, false);
      const mark = readMarks.find(({ userId }) => userId === this.userId);
      if (mark) ledger.read(side, mark.upToSeq);
    }
    this.unreadBySync = unread.count;
    const next = from + SYNC_CONVERSATIONS;
    if (hasMore) this.#askSync(from);
    else if (next < this.seats.size) this.#askSync(next);
    else if (this.#wantsSync || this.#hasHole()) this.#syncLater(0, this.#wantsSync ? 0 : SYNC_AGAIN_MS);
    else {
      this.#syncAskedAt = 0;
      this.#inSync();
    }
  }

  #syncLater(from: number, ms: number): void {
    clearTimeout(this.#syncTimer);
    this.#syncTimer = setTimeout(() => this.#askSync(from), ms);
  }

  #hasHole(): boolean {
    for (const { ledger, side } of this.seats.values()) if (ledger.places[side].held.ahead.size > 0) return true;
    return false;
  }

  #inSync(): void {
    this.current = true;
    this.#onClosed = undefined;
    if (this.#lostAt > 0) this.around.meter.record('recoveries', this.#lostAt);
    this.#lostAt = 0;
    for (const ready of this.#onReady.splice(0)) ready();
  }
}
