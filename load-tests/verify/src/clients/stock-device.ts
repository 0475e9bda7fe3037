/*
 * Longer than 250 lines on purpose: one device, whose whole protocol is to be read in one place.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { ConversationId, ErrorPayload, Message, ReadAck, SendAck, SyncAck } from '@chat-cluster/contracts';
import {
  type Badge,
  type DeviceHistory,
  type Outcome,
  type Random,
  type ReadAttempt,
  type SendAttempt,
  seen,
  type TestClient,
} from '@chat-cluster/testkit';
import { io } from 'socket.io-client';
import {
  clientBackoff,
  type Device,
  type DeviceOptions,
  type Draft,
  type SendOutcome,
  transportOf,
  unanswered,
  unansweredRead,
} from './device.ts';
import { refused } from './outcomes.ts';
import { TokenIssuer } from './token-issuer.ts';

/** Time after which a connect attempt is given up and repeated, possibly on another gateway, in ms. */
const CONNECT_TIMEOUT_MS = 4_000;
/** Time after which a request counts as unanswered, in ms. Longer than any response may take. */
const ACK_TIMEOUT_MS = 8_000;
/** Messages per response to `sync`. */
const SYNC_LIMIT = 200;

/**
 * A program on the stock socket.io-client that does the client's part of the contract: it stores the messages of each
 * conversation by `seq`, and sends `sync` after each connect, on `sync_required` and when it finds a gap. When the epoch
 * of the store changes, it discards its messages and loads them anew. `Traffic` resends its messages.
 */
export class StockDevice implements Device {
  readonly kind = 'stock';
  readonly history: DeviceHistory;
  readonly sends: SendAttempt[] = [];
  readonly reads: ReadAttempt[] = [];
  readonly problems: string[] = [];
  readonly userId: string;
  gateway = '';
  /** Id of its present or last connection. */
  #connection = '';
  #socket: TestClient['socket'];
  #now: () => number;
  #random: Random;
  #received = new Map<string, ReceivedSeqs>();
  #epoch: string | undefined;
  #syncDue = false;
  #syncing = false;
  #abandoned = false;
  #closed = false;
  /** Its token was revoked. */
  #signedOut = false;

  constructor(options: DeviceOptions) {
    const { id, userId, conversations, target, now, random, issuer = new TokenIssuer(target) } = options;
    this.history = { id, userId, conversations: [...conversations], events: [] };
    this.userId = userId;
    this.#now = now;
    this.#random = random;
    for (const conversation of conversations) this.#received.set(conversation, new ReceivedSeqs());
    this.#socket = io(target.url, {
      forceNew: true,
      ...transportOf(options),
      // Without a token the gateway refuses it, and it tries again.
      auth: (send) => send(tokenFrom(issuer, userId)),
      timeout: CONNECT_TIMEOUT_MS,
      reconnectionDelay: 200,
      reconnectionDelayMax: 2_000,
    });
    this.#listen();
  }

  get inSync(): boolean {
    return this.#socket.connected && this.gateway !== '' && !this.#syncing && !this.#syncDue && !this.#hasGap();
  }

  get badge(): Badge | undefined {
    const event = this.history.events.findLast(({ kind }) => kind === 'badge');
    return event?.kind === 'badge' ? event : undefined;
  }

  async send(draft: Draft): Promise<SendOutcome> {
    while (!this.#socket.connected || this.#connection === '') {
      if (this.#abandoned) return { kind: 'unknown', at: this.#now() };
      await delay(20);
    }
    const attempt = unanswered(this, draft, { at: this.#now(), connection: this.#connection });
    this.sends.push(attempt);
    const outcome = await this.#request('send_message', draft, ({ message, duplicate }: SendAck) => {
      return { id: message.id, seq: message.seq, duplicate };
    });
    attempt.outcome = outcome;
    return outcome;
  }

  async read(mark: { conversationId: string; upToSeq?: number }): Promise<void> {
    if (!this.#socket.connected) return;
    const attempt = unansweredRead(this.userId, mark.conversationId, this.#now());
    this.reads.push(attempt);
    attempt.outcome = await this.#request('read_messages', mark, ({ upToSeq }: ReadAck) => ({ upToSeq }));
  }

  receivedUpTo(conversationId: string): number {
    return this.#received.get(conversationId)?.upTo ?? 0;
  }

  signIn(): void {
    this.#signedOut = false;
    this.#socket.connect();
  }

  reconnect(): void {
    this.gateway = '';
    this.#socket.disconnect().connect();
  }

  abandon(): void {
    this.#abandoned = true;
  }

  async finalSync(): Promise<void> {
    for (;;) {
      const requestedAt = this.#now();
      const ack = await this.#requestSync();
      if (!ack?.ok) throw new Error(`${this.history.id}: no response to the final sync`);
      if (this.#apply(ack, { requestedAt, final: true }) && !ack.hasMore) return;
    }
  }

  close(): void {
    this.abandon();
    this.#closed = true;
    this.#socket.disconnect();
  }

  #listen(): void {
    const { events } = this.history;
    this.#socket.on('session', ({ gatewayId, epoch }) => {
      this.#connection = this.#socket.id ?? '';
      this.gateway = gatewayId;
      events.push({ kind: 'connected', at: this.#now(), connection: this.#connection, gateway: gatewayId });
      this.#enter(epoch);
      this.#sync();
    });
    this.#socket.on('disconnect', (reason) => {
      this.gateway = '';
      events.push({ kind: 'disconnected', at: this.#now(), reason });
      this.#reconnectLater();
    });
    this.#socket.on('session_ended', ({ error }) => {
      this.#signedOut = error.code === 'TOKEN_REVOKED';
    });
    this.#socket.on('connect_error', (error: Error & { data?: ErrorPayload }) => {
      this.#signedOut = error.data?.code === 'TOKEN_REVOKED';
      this.#reconnectLater();
    });
    this.#socket.on('new_message', (message) => {
      events.push({ kind: 'message', at: this.#now(), ...seen(message) });
      this.#store(message);
      if (this.#hasGap()) this.#sync();
    });
    this.#socket.on('unread_count', ({ conversations: _, ...badge }) =>
      events.push({ kind: 'badge', at: this.#now(), ...badge }),
    );
    this.#socket.on('sync_required', () => {
      events.push({ kind: 'syncRequired', at: this.#now() });
      this.#sync();
    });
  }

  /**
   * Needed because the stock client does not reconnect after the server rejected or closed the connection. A device whose
   * token was revoked stays away.
   */
  #reconnectLater(): void {
    const stops = () => this.#socket.active || this.#closed || this.#signedOut;
    if (!stops()) setTimeout(() => stops() || this.#socket.connect(), 200 + this.#random() * 800);
  }

  #sync(): void {
    this.#syncDue = true;
    if (!this.#syncing) void this.#syncUntilComplete();
  }

  async #syncUntilComplete(): Promise<void> {
    this.#syncing = true;
    for (let attempt = 0; this.#syncDue && this.#socket.connected; attempt++) {
      this.#syncDue = false;
      const requestedAt = this.#now();
      const ack = await this.#requestSync();
      const applied = ack?.ok && this.#apply(ack, { requestedAt, final: false });
      if (applied && !this.#hasGap() && !ack.hasMore) continue;
      this.#syncDue = true;
      if (!ack?.ok || !ack.hasMore) await clientBackoff(attempt, this.#random);
    }
    this.#syncing = false;
  }

  async #requestSync(): Promise<SyncAck | { ok: false } | undefined> {
    const conversations = [...this.#received].map(([id, { upTo }]) => ({ id: id as ConversationId, afterSeq: upTo }));
    return this.#socket
      .timeout(ACK_TIMEOUT_MS)
      .emitWithAck('sync', { conversations, limit: SYNC_LIMIT })
      .catch(() => undefined);
  }

  /** False: the ack belongs to another epoch than its request, which the device has entered now. */
  #apply({ epoch, conversations, unread }: SyncAck, of: { requestedAt: number; final: boolean }): boolean {
    if (this.#enter(epoch)) return false;
    const received = conversations.flatMap(({ messages }) => messages);
    for (const message of received) this.#store(message);
    const messages = received.map(seen);
    this.history.events.push({ kind: 'synced', at: this.#now(), messages, unread: unread.count, ...of });
    return true;
  }

  /** Returns true when the store has another epoch than before: the device discards everything and starts anew. */
  #enter(epoch: string | undefined): boolean {
    // A gateway of an earlier version sends no epoch, which changes nothing.
    if (epoch === undefined || epoch === this.#epoch) return false;
    const isFirst = this.#epoch === undefined;
    this.#epoch = epoch;
    if (isFirst) return false;
    for (const conversation of this.#received.keys()) this.#received.set(conversation, new ReceivedSeqs());
    this.history.events.push({ kind: 'restarted', at: this.#now(), epoch });
    return true;
  }

  #store({ conversationId, seq }: Message): void {
    this.#received.get(conversationId)?.add(seq);
  }

  #hasGap(): boolean {
    return this.#received.values().some(({ beyondGap }) => beyondGap.size > 0);
  }

  async #request<Ack extends { ok: true }, Kept>(
    event: 'send_message' | 'read_messages',
    payload: object,
    keep: (ack: Ack) => Kept,
  ): Promise<Outcome<Kept>> {
    try {
      const ack = await this.#socket.timeout(ACK_TIMEOUT_MS).emitWithAck(event, payload as never);
      const at = this.#now();
      if (ack.ok) return { kind: 'acked', at, ...keep(ack as unknown as Ack) };
      return refused(ack.error, at);
    } catch {
      return { kind: 'unknown', at: this.#now() };
    }
  }
}

function tokenFrom(issuer: TokenIssuer, userId: string): { token?: string } {
  try {
    return { token: issuer.issue(userId) };
  } catch {
    return {};
  }
}

/** The sequences received in one conversation: 1 to `upTo` without a gap, and `beyondGap`. */
class ReceivedSeqs {
  upTo = 0;
  beyondGap = new Set<number>();

  add(seq: number): void {
    if (seq <= this.upTo) return;
    this.beyondGap.add(seq);
    while (this.beyondGap.delete(this.upTo + 1)) this.upTo++;
  }
}
