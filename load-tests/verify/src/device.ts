/*
 * One device of a user, as an app would build it on the stock client: it keeps what it holds of each conversation by
 * `seq`, and asks `sync` for what it misses: after each connect, on `sync_required`, and when it sees a hole. What it
 * hears goes into its history.
 */
import type { ConversationId, Message, ReadAck, SendAck, SyncAck } from '@chat-cluster/contracts';
import {
  type DeviceHistory,
  fingerprint,
  type Outcome,
  type Random,
  type TestClient,
  tokenFor,
} from '@chat-cluster/testkit';
import { io } from 'socket.io-client';
import { backOff } from './back-off.ts';

export interface DeviceOptions {
  id: string;
  userId: string;
  conversations: readonly string[];
  target: { url: string; jwtSecret: string };
  /** Milliseconds from the start of the round. */
  now(): number;
  random: Random;
  /** Long-polling instead of a websocket, with the cookies that a balancer may set. */
  polls?: boolean;
}

/** A connection that does not come about by then is tried anew, maybe on another gateway. */
const CONNECT_TIMEOUT_MS = 4_000;
/** An app that hears nothing for so long tries again. Longer than any answer may take, so that slow ones are seen. */
const ANSWER_TIMEOUT_MS = 8_000;
const SYNC_LIMIT = 200;

export type SendOutcome = Outcome<{ id: string; seq: number; duplicate: boolean }>;
export type ReadOutcome = Outcome<{ upToSeq: number }>;

export class Device {
  readonly history: DeviceHistory;
  readonly userId: string;
  /** Of the connection it has or had last. */
  connection = '';
  gateway = '';
  #socket: TestClient['socket'];
  #now: () => number;
  #random: Random;
  #held = new Map<string, Held>();
  #wantsSync = false;
  #syncing = false;
  #closed = false;

  constructor({ id, userId, conversations, target, now, random, polls = false }: DeviceOptions) {
    this.history = { id, userId, conversations: [...conversations], events: [] };
    this.userId = userId;
    this.#now = now;
    this.#random = random;
    for (const conversation of conversations) this.#held.set(conversation, new Held());
    this.#socket = io(target.url, {
      forceNew: true,
      ...(polls ? { transports: ['polling'], withCredentials: true } : { transports: ['websocket'] }),
      auth: { token: tokenFor(target, userId) },
      timeout: CONNECT_TIMEOUT_MS,
      reconnectionDelay: 200,
      reconnectionDelayMax: 2_000,
    });
    this.#listen();
  }

  get connected(): boolean {
    return this.#socket.connected;
  }

  /** Connected, and nothing missing as far as it can know. */
  get current(): boolean {
    return this.connected && this.gateway !== '' && !this.#syncing && !this.#wantsSync && !this.#hasHole();
  }

  /** The unread count that it shows: the last `unread_count`. */
  get badge(): number | undefined {
    const event = this.history.events.findLast(({ kind }) => kind === 'badge');
    return event?.kind === 'badge' ? event.count : undefined;
  }

  /** Sends once and resolves with what became of it. Not to be called while it is not connected. */
  async send(draft: { conversationId: string; clientMessageId: string; content: string }): Promise<SendOutcome> {
    return this.#ask<SendAck, { id: string; seq: number; duplicate: boolean }>(
      'send_message',
      draft,
      ({ message, duplicate }) => ({ id: message.id, seq: message.seq, duplicate }),
    );
  }

  async read(mark: { conversationId: string; upToSeq?: number }): Promise<ReadOutcome> {
    return this.#ask<ReadAck, { upToSeq: number }>('read_messages', mark, ({ upToSeq }) => ({ upToSeq }));
  }

  /** The last seq of the conversation up to which it holds everything. */
  heldUpTo(conversationId: string): number {
    return this.#held.get(conversationId)?.upTo ?? 0;
  }

  /** Closes its connection so that the entry gives it another gateway. */
  reconnect(): void {
    this.gateway = '';
    this.#socket.disconnect().connect();
  }

  /** The sync after everything has come to rest. Rejects when there is no answer. */
  async finalSync(): Promise<void> {
    for (;;) {
      const ack = await this.#askSync();
      if (!ack?.ok) throw new Error(`${this.history.id}: sync is not answered`);
      this.#apply(ack, true);
      if (!ack.hasMore) return;
    }
  }

  close(): void {
    this.#closed = true;
    this.#socket.disconnect();
  }

  #listen(): void {
    const { events } = this.history;
    this.#socket.on('session', ({ gatewayId }) => {
      this.connection = this.#socket.id ?? '';
      this.gateway = gatewayId;
      events.push({ kind: 'connected', at: this.#now(), connection: this.connection, gateway: gatewayId });
      this.#sync();
    });
    this.#socket.on('disconnect', (reason) => {
      this.gateway = '';
      events.push({ kind: 'disconnected', at: this.#now(), reason });
      this.#comeBack();
    });
    this.#socket.on('connect_error', () => this.#comeBack());
    this.#socket.on('new_message', (message) => {
      events.push({ kind: 'message', at: this.#now(), ...seen(message) });
      this.#hold(message);
      if (this.#hasHole()) this.#sync();
    });
    this.#socket.on('unread_count', ({ count }) => events.push({ kind: 'badge', at: this.#now(), count }));
    this.#socket.on('sync_required', () => {
      events.push({ kind: 'syncRequired', at: this.#now() });
      this.#sync();
    });
  }

  /** The stock client does not come back by itself when the server refused it. */
  #comeBack(): void {
    if (this.#socket.active || this.#closed) return;
    setTimeout(() => this.#closed || this.#socket.connect(), 200 + this.#random() * 800);
  }

  #sync(): void {
    this.#wantsSync = true;
    if (!this.#syncing) void this.#syncUntilCurrent();
  }

  async #syncUntilCurrent(): Promise<void> {
    this.#syncing = true;
    for (let attempt = 0; this.#wantsSync && this.connected; attempt++) {
      this.#wantsSync = false;
      const ack = await this.#askSync();
      if (ack?.ok) this.#apply(ack, false);
      if (ack?.ok && !this.#hasHole() && !ack.hasMore) continue;
      this.#wantsSync = true;
      if (!ack?.ok || !ack.hasMore) await backOff(attempt, this.#random);
    }
    this.#syncing = false;
  }

  async #askSync(): Promise<SyncAck | { ok: false } | undefined> {
    const conversations = [...this.#held].map(([id, { upTo }]) => ({ id: id as ConversationId, afterSeq: upTo }));
    return this.#socket
      .timeout(ANSWER_TIMEOUT_MS)
      .emitWithAck('sync', { conversations, limit: SYNC_LIMIT })
      .catch(() => undefined);
  }

  #apply({ conversations, unread }: SyncAck, final: boolean): void {
    const messages = conversations.flatMap(({ messages }) => messages);
    for (const message of messages) this.#hold(message);
    const seenMessages = messages.map(seen);
    this.history.events.push({ kind: 'synced', at: this.#now(), messages: seenMessages, unread: unread.count, final });
  }

  #hold({ conversationId, seq }: Message): void {
    this.#held.get(conversationId)?.add(seq);
  }

  #hasHole(): boolean {
    return this.#held.values().some(({ ahead }) => ahead.size > 0);
  }

  async #ask<Ack extends { ok: true }, Kept>(
    event: 'send_message' | 'read_messages',
    payload: object,
    keep: (ack: Ack) => Kept,
  ): Promise<Outcome<Kept>> {
    try {
      const ack = await this.#socket.timeout(ANSWER_TIMEOUT_MS).emitWithAck(event, payload as never);
      const at = this.#now();
      if (ack.ok) return { kind: 'acked', at, ...keep(ack as unknown as Ack) };
      const { code, retryable } = ack.error;
      return { kind: 'refused', at, code, retryable };
    } catch {
      return { kind: 'unknown', at: this.#now() };
    }
  }
}

/** The seqs of one conversation: 1 to `upTo`, and those beyond a hole. */
class Held {
  upTo = 0;
  ahead = new Set<number>();

  add(seq: number): void {
    if (seq <= this.upTo) return;
    this.ahead.add(seq);
    while (this.ahead.delete(this.upTo + 1)) this.upTo++;
  }
}

function seen({ conversationId, seq, id, content }: Message) {
  return { conversationId, seq, id, content: fingerprint(content) };
}
