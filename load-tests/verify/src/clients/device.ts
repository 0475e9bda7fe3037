import { setTimeout as delay } from 'node:timers/promises';
import type { ConversationId, Message, ReadAck, SendAck, SyncAck } from '@chat-cluster/contracts';
import {
  type DeviceHistory,
  fingerprint,
  HeldEpoch,
  type Outcome,
  type Random,
  type TestClient,
  tokenFor,
} from '@chat-cluster/testkit';
import { io } from 'socket.io-client';

export interface DeviceOptions {
  id: string;
  userId: string;
  conversations: readonly string[];
  target: { url: string; jwtSecret: string };
  /** Milliseconds since the start of the round. */
  now(): number;
  random: Random;
  /** Uses long-polling instead of a websocket, with the cookies that a load balancer may set. */
  polls?: boolean;
}

/** Time after which a connect attempt is given up and repeated, possibly on another gateway, in ms. */
const CONNECT_TIMEOUT_MS = 4_000;
/** Time after which a request counts as unanswered, in ms. Longer than any response may take. */
const ACK_TIMEOUT_MS = 8_000;
/** Messages per response to `sync`. */
const SYNC_LIMIT = 200;

export type SendOutcome = Outcome<{ id: string; seq: number; duplicate: boolean }>;
export type ReadOutcome = Outcome<{ upToSeq: number }>;

/**
 * One device of a user: the stock client with the logic of an app. It stores the messages of each conversation by
 * `seq`, and sends `sync` after each connect, on `sync_required` and when it finds a gap. When the epoch of the store
 * changes, it discards its messages and loads them anew. Everything that it receives
 * is recorded in its history.
 */
export class Device {
  readonly history: DeviceHistory;
  readonly userId: string;
  /** Id of its present or last connection. */
  connection = '';
  /** Gateway of its connection; empty while there is none. */
  gateway = '';
  #socket: TestClient['socket'];
  #now: () => number;
  #random: Random;
  #received = new Map<string, ReceivedSeqs>();
  #epoch = new HeldEpoch();
  #syncDue = false;
  #syncing = false;
  #closed = false;

  constructor({ id, userId, conversations, target, now, random, polls = false }: DeviceOptions) {
    this.history = { id, userId, conversations: [...conversations], events: [] };
    this.userId = userId;
    this.#now = now;
    this.#random = random;
    for (const conversation of conversations) this.#received.set(conversation, new ReceivedSeqs());
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

  /** True when it is connected and, as far as it can detect, lacks no message. */
  get inSync(): boolean {
    return this.connected && this.gateway !== '' && !this.#syncing && !this.#syncDue && !this.#hasGap();
  }

  /** The unread count that it displays: the last `unread_count`. */
  get badge(): number | undefined {
    const event = this.history.events.findLast(({ kind }) => kind === 'badge');
    return event?.kind === 'badge' ? event.count : undefined;
  }

  /** Sends a message once and resolves with the outcome. Call only while connected. */
  async send(draft: { conversationId: string; clientMessageId: string; content: string }): Promise<SendOutcome> {
    return this.#request<SendAck, { id: string; seq: number; duplicate: boolean }>(
      'send_message',
      draft,
      ({ message, duplicate }) => ({ id: message.id, seq: message.seq, duplicate }),
    );
  }

  async read(mark: { conversationId: string; upToSeq?: number }): Promise<ReadOutcome> {
    return this.#request<ReadAck, { upToSeq: number }>('read_messages', mark, ({ upToSeq }) => ({ upToSeq }));
  }

  /** The last `seq` of the conversation up to which it has every message. */
  receivedUpTo(conversationId: string): number {
    return this.#received.get(conversationId)?.upTo ?? 0;
  }

  /** Closes the connection and opens another, which the entry may give to another gateway. */
  reconnect(): void {
    this.gateway = '';
    this.#socket.disconnect().connect();
  }

  /** The sync at the end of a round. Rejects when there is no response. */
  async finalSync(): Promise<void> {
    for (;;) {
      const ack = await this.#requestSync();
      if (!ack?.ok) throw new Error(`${this.history.id}: no response to the final sync`);
      if (this.#apply(ack, true) && !ack.hasMore) return;
    }
  }

  close(): void {
    this.#closed = true;
    this.#socket.disconnect();
  }

  #listen(): void {
    const { events } = this.history;
    this.#socket.on('session', ({ gatewayId, epoch }) => {
      this.connection = this.#socket.id ?? '';
      this.gateway = gatewayId;
      events.push({ kind: 'connected', at: this.#now(), connection: this.connection, gateway: gatewayId });
      this.#enter(epoch);
      this.#sync();
    });
    this.#socket.on('disconnect', (reason) => {
      this.gateway = '';
      events.push({ kind: 'disconnected', at: this.#now(), reason });
      this.#reconnectLater();
    });
    this.#socket.on('connect_error', () => this.#reconnectLater());
    this.#socket.on('new_message', (message) => {
      events.push({ kind: 'message', at: this.#now(), ...recorded(message) });
      this.#store(message);
      if (this.#hasGap()) this.#sync();
    });
    this.#socket.on('unread_count', ({ count }) => events.push({ kind: 'badge', at: this.#now(), count }));
    this.#socket.on('sync_required', () => {
      events.push({ kind: 'syncRequired', at: this.#now() });
      this.#sync();
    });
  }

  /** Needed because the stock client does not reconnect after the server rejected or closed the connection. */
  #reconnectLater(): void {
    if (this.#socket.active || this.#closed) return;
    setTimeout(() => this.#closed || this.#socket.connect(), 200 + this.#random() * 800);
  }

  #sync(): void {
    this.#syncDue = true;
    if (!this.#syncing) void this.#syncUntilComplete();
  }

  async #syncUntilComplete(): Promise<void> {
    this.#syncing = true;
    for (let attempt = 0; this.#syncDue && this.connected; attempt++) {
      this.#syncDue = false;
      const ack = await this.#requestSync();
      const applied = ack?.ok && this.#apply(ack, false);
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
  #apply({ epoch, conversations, unread }: SyncAck, final: boolean): boolean {
    if (this.#enter(epoch)) return false;
    const received = conversations.flatMap(({ messages }) => messages);
    for (const message of received) this.#store(message);
    const messages = received.map(recorded);
    this.history.events.push({ kind: 'synced', at: this.#now(), messages, unread: unread.count, final });
    return true;
  }

  /** Returns true when the store has another epoch than before: the device discards everything and starts anew. */
  #enter(epoch: string | undefined): boolean {
    if (epoch === undefined || !this.#epoch.enter(epoch)) return false;
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
      const { code, retryable } = ack.error;
      return { kind: 'refused', at, code, retryable };
    } catch {
      return { kind: 'unknown', at: this.#now() };
    }
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

function recorded({ conversationId, seq, id, content }: Message) {
  return { conversationId, seq, id, content: fingerprint(content) };
}

/**
 * Waits between two attempts as a well-behaved client does: up to 100 ms, doubling to 1 s, with jitter. Not `backoff`
 * of runtime, because its jitter does not come from a seed.
 */
export function clientBackoff(attempt: number, random: Random): Promise<void> {
  return delay(Math.min(1_000, 100 * 2 ** Math.min(attempt, 5)) * (0.5 + random() / 2));
}
