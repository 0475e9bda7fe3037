import type { FailureAck, Message, ReadAck } from '@chat-cluster/contracts';
import { type LeanClient, type LeanTls, ReconnectingClient } from '@chat-cluster/testkit/lean-client';
import { type ConversationSide, ConversationSync } from './conversation-sync.ts';
import { countRefusal } from './counts.ts';
import { Outbox, type SendContext } from './outbox.ts';

/** Settings that all devices of a process share. */
export interface DeviceContext extends SendContext {
  url: string;
  tls: LeanTls | undefined;
}

/**
 * One device of a user: a lean client that does a client's part of packages/contracts/README.md. It reconnects with the
 * back-off of a stock client, sends `sync` after each connect, on `sync_required` and when it has a gap
 * (conversation-sync.ts), and keeps each message until its ack (outbox.ts).
 */
export class Device {
  readonly userId: string;
  readonly token: string;
  readonly context: DeviceContext;
  readonly conversations = new Map<string, ConversationSide>();
  readonly outbox: Outbox;
  /** The last `unread_count`. */
  badge: number | undefined;
  /** Time of the last event or request that may change the badge. */
  changedAt = 0;
  /** Connected, and every conversation was synced on this connection. */
  current = false;
  /** Number of connections so far. */
  connection = 0;
  #sync: ConversationSync;
  #client: ReconnectingClient;
  #connected = false;
  #closed = false;
  #lostAt = 0;
  #onReady: (() => void)[] = [];
  #onFailure: ((reason: string) => void) | undefined;

  constructor(user: { userId: string; token: string }, context: DeviceContext, localAddress?: string) {
    this.userId = user.userId;
    this.token = user.token;
    this.context = context;
    this.outbox = new Outbox(this);
    this.#sync = new ConversationSync(this, () => this.#ready());
    const { url, tls } = context;
    const address = localAddress === undefined ? {} : { localAddress };
    const target = { url, token: user.token, ...address, ...(tls === undefined ? {} : { tls }) };
    this.#client = new ReconnectingClient(() => target, {
      connected: () => this.#opened(),
      event: (name, payload) => this.#event(name, payload),
      lost: (refusal, error) => this.#lost(refusal, error),
    });
  }

  /** The connection, once the server has accepted it. */
  get client(): LeanClient | undefined {
    return this.#client.connection;
  }

  /** Unread count of the last answer to sync. */
  get unreadBySync(): number | undefined {
    return this.#sync.unread;
  }

  /** Resolves when the device is connected, has its badge and is in sync. `onFailure`: called per failed attempt. */
  connect(onFailure?: (reason: string) => void): Promise<void> {
    this.#onFailure = onFailure;
    this.#client.connect();
    return this.whenReady();
  }

  whenReady(): Promise<void> {
    if (this.current && this.#sync.isIdle) return Promise.resolve();
    return new Promise((resolve) => this.#onReady.push(resolve));
  }

  /** Loses the connection, as in a network failure, and reconnects as a stock client does. */
  drop(): void {
    this.#client.drop();
  }

  close(): void {
    this.#closed = true;
    this.#sync.interrupt();
    this.outbox.close();
    this.#client.close();
  }

  /** Marks the messages that it holds as read. A failed request is not repeated: the next one covers it. */
  read({ checker, side }: ConversationSide): void {
    const upToSeq = checker.participants[side].held.upTo;
    if (!this.client || upToSeq === 0) return;
    const { counts } = this.context.meter;
    this.changedAt = performance.now();
    const request = { conversationId: checker.conversationId, upToSeq };
    this.client.call('read_messages', request, (answer: ReadAck | FailureAck) => {
      this.changedAt = performance.now();
      if (!answer.ok) {
        countRefusal(counts, answer.error.code);
        return;
      }
      counts.reads++;
      checker.markRead(side, answer.upToSeq);
    });
  }

  /** Requests missing messages. `whenReady` resolves when they are here. */
  sync(): void {
    this.#sync.request();
  }

  /** Repeats requests that have no answer in time. Call it about once a second. */
  expire(now: number): void {
    this.outbox.expire(now);
    this.#sync.expire(now);
  }

  #opened(): void {
    this.#connected = true;
    this.connection++;
    const { meter } = this.context;
    meter.connected++;
    if (this.connection > 1) meter.counts.reconnects++;
    for (const { checker, side } of this.conversations.values()) checker.newConnection(side);
    this.outbox.flush();
    if (this.conversations.size > 0) this.sync();
    else this.#ready();
  }

  #lost(refusal: string | undefined, error: Error | undefined): void {
    const { meter } = this.context;
    if (this.#connected) {
      meter.connected--;
      meter.counts.lostConnections++;
      this.#lostAt = performance.now();
    }
    if (refusal !== undefined) countRefusal(meter.counts, refusal);
    this.#connected = false;
    this.current = false;
    this.#sync.interrupt();
    this.outbox.interrupt();
    if (!this.#closed) this.#onFailure?.(refusal ?? error?.message ?? 'the connection was closed');
  }

  #event(name: string, payload: Message & { count: number }): void {
    if (name === 'new_message') {
      const conversation = this.conversations.get(payload.conversationId);
      if (!conversation) return;
      this.changedAt = performance.now();
      const { checker, side } = conversation;
      const { base, held } = checker.participants[side];
      // The answer to the first sync contains it.
      if (base === undefined) return;
      checker.receive(side, payload, true);
      if (held.hasGap) this.sync();
    } else if (name === 'unread_count') {
      this.badge = payload.count;
      if (this.conversations.size === 0) this.#ready();
    } else if (name === 'sync_required') {
      this.context.meter.counts.syncRequired++;
      this.sync();
    }
  }

  #ready(): void {
    this.current = true;
    this.#onFailure = undefined;
    if (this.#lostAt > 0) this.context.meter.record('recoveries', this.#lostAt);
    this.#lostAt = 0;
    for (const resolve of this.#onReady.splice(0)) resolve();
  }
}
