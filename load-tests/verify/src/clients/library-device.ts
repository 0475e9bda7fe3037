import {
  type ChatClient,
  type ChatEvents,
  type ChatSocket,
  type ChatStatus,
  type Conversation,
  createChatClient,
  type OpenSocket,
} from '@chat-cluster/client';
import type { FailureAck, ReadAck, SendAck, SyncAck } from '@chat-cluster/contracts';
import { type DeviceHistory, type ReadAttempt, type SendAttempt, tokenFor } from '@chat-cluster/testkit';
import { io, type Socket } from 'socket.io-client';
import { waitUntil } from '../wait-until.ts';
import {
  type Device,
  type DeviceOptions,
  type Draft,
  type SendOutcome,
  seen,
  transportOf,
  unanswered,
  unansweredRead,
} from './device.ts';

/** Time for the last sync and what it loads, in ms. */
const FINAL_SYNC_MS = 20_000;
const PAGE = 500;

/**
 * An application on packages/client that shows all of its conversations. The history has what the library reports, and
 * what its windows show; the attempts to send are recorded between the library and socket.io-client.
 */
export class LibraryDevice implements Device {
  readonly kind = 'library';
  readonly history: DeviceHistory;
  readonly sends: SendAttempt[] = [];
  readonly reads: ReadAttempt[] = [];
  readonly problems: string[] = [];
  readonly userId: string;
  #options: DeviceOptions;
  #chat: ChatClient;
  #conversations: Map<string, Conversation>;
  #socket: Socket | undefined;
  #isOpen = false;
  #epoch: string | undefined;
  #unread = 0;
  /** Attempts on the present connection that have no answer yet. */
  #open = new Set<SendAttempt | ReadAttempt>();
  /** Numbers of syncs: the last one that was sent, those under way, the last that ended, and one that is not enough. */
  #syncs = 0;
  #syncing = new Set<number>();
  #synced = 0;
  #outdated = 0;
  #isAbandoned = false;
  #abandoned = Promise.withResolvers<void>();

  constructor(options: DeviceOptions) {
    const { id, userId, conversations, target } = options;
    this.#options = options;
    this.userId = userId;
    this.history = { id, userId, client: 'library', conversations: [...conversations], events: [] };
    this.#chat = createChatClient({
      url: target.url,
      getToken: () => tokenFor(target, userId),
      socket: this.#openSocket,
      // Every message is reported and shown, since the checker counts them.
      maxBacklog: Number.MAX_SAFE_INTEGER,
      windowSize: Number.MAX_SAFE_INTEGER,
    });
    this.#listen();
    this.#conversations = new Map(conversations.map((one) => [one, this.#chat.conversation(one)]));
    this.#chat.connect();
  }

  get gateway(): string {
    return this.#isOpen ? (this.#chat.status.gatewayId ?? '') : '';
  }

  get inSync(): boolean {
    if (this.#chat.status.state !== 'live' || this.#syncing.size > 0 || this.#synced <= this.#outdated) return false;
    const snapshots = [...this.#conversations.values()].map(({ messages }) => messages.get());
    return snapshots.every(({ isLoading, holes }) => !isLoading && holes.length === 0);
  }

  get badge(): number | undefined {
    return this.#chat.badge;
  }

  async send({ conversationId, clientMessageId, content }: Draft): Promise<SendOutcome> {
    const { now } = this.#options;
    const conversation = this.#conversation(conversationId);
    const stored = async (): Promise<SendOutcome> => {
      try {
        const { seq } = await conversation.send({ clientMessageId, content }).stored;
        return { kind: 'acked', at: now(), seq };
      } catch (error) {
        // The library refuses a draft that the server would never accept.
        if (error instanceof TypeError) {
          return { kind: 'refused', at: now(), code: 'VALIDATION_FAILED', retryable: false };
        }
        const { code, retryable } = error as Error & { code: string; retryable: boolean };
        if (this.#chat.outbox.get().some((one) => one.clientMessageId === clientMessageId)) {
          conversation.discard(clientMessageId);
        }
        return { kind: 'refused', at: now(), code, retryable };
      }
    };
    const abandoned = this.#abandoned.promise.then((): SendOutcome => ({ kind: 'unknown', at: now() }));
    return Promise.race([stored(), abandoned]);
  }

  async read({ conversationId }: { conversationId: string }): Promise<void> {
    const upToSeq = this.receivedUpTo(conversationId);
    this.#conversation(conversationId).read();
    const mark = () => this.#chat.conversations.get().find(({ id }) => id === conversationId)?.readMarks ?? {};
    const hasMoved = () => (Object.entries(mark()).find(([id]) => id === this.userId)?.[1] ?? 0) >= upToSeq;
    await waitUntil(() => this.#isAbandoned || hasMoved(), Number.POSITIVE_INFINITY);
  }

  receivedUpTo(conversationId: string): number {
    return this.#shown(this.#conversation(conversationId)).at(-1)?.seq ?? 0;
  }

  reconnect(): void {
    this.#outdated = this.#syncs;
    this.#pretend('server_draining', { reconnectInMs: 0 });
  }

  abandon(): void {
    this.#isAbandoned = true;
    this.#abandoned.resolve();
  }

  async finalSync(): Promise<void> {
    this.#recordShown(false);
    this.#outdated = this.#syncs;
    this.#pretend('sync_required', { reason: 'events_lost' });
    const tookMs = await waitUntil(() => this.inSync, FINAL_SYNC_MS);
    if (tookMs > FINAL_SYNC_MS) throw new Error(`${this.history.id}: no response to the final sync`);
    for (const one of this.#conversations.values()) {
      while (one.messages.get().hasOlder) await one.loadOlder(PAGE);
    }
    for (const { conversationId, clientMessageId, status } of this.#chat.outbox.get()) {
      this.history.events.push({ kind: 'outbox', at: this.#options.now(), conversationId, clientMessageId, status });
    }
    this.#recordShown(true);
  }

  close(): void {
    this.abandon();
    void this.#chat.close();
  }

  #conversation(id: string): Conversation {
    return this.#conversations.get(id) ?? this.#chat.conversation(id);
  }

  #listen(): void {
    const { events } = this.history;
    const { now } = this.#options;
    const chat = this.#chat;
    chat.on('status', (status) => this.#statusChanged(status));
    chat.on('message', (message) => events.push({ kind: 'message', at: now(), ...seen(message) }));
    chat.on('badge', (count) => events.push({ kind: 'badge', at: now(), count }));
    chat.on('outbox', ({ message: { conversationId, clientMessageId }, status, stored }: ChatEvents['outbox']) => {
      const seq = stored ? { seq: stored.seq } : {};
      events.push({ kind: 'outbox', at: now(), conversationId, clientMessageId, status, ...seq });
    });
    chat.on('discontinuity', ({ reason, conversationId }) => {
      if (reason === 'epoch') events.push({ kind: 'restarted', at: now(), epoch: this.#epoch ?? '' });
      else this.problems.push(`messages of ${conversationId} were skipped`);
    });
    chat.on('error', ({ message, retryable }) => {
      if (!retryable) this.problems.push(message);
    });
  }

  #statusChanged({ state, gatewayId = '', error }: ChatStatus): void {
    const { events } = this.history;
    const at = this.#options.now();
    const wasOpen = this.#isOpen;
    this.#isOpen = state === 'catching_up' || state === 'live';
    if (state === 'catching_up') {
      events.push({ kind: 'connected', at, connection: this.#socket?.id ?? '', gateway: gatewayId });
    } else if (wasOpen && !this.#isOpen) {
      events.push({ kind: 'disconnected', at, reason: error?.message ?? 'the client moves or has closed' });
      for (const attempt of this.#open) attempt.outcome = { kind: 'unknown', at };
      this.#open.clear();
      this.#syncing.clear();
      this.#outdated = this.#syncs;
    }
    if (state === 'unauthorized') this.problems.push(`it is unauthorized: ${error?.message}`);
    // What is shown now was there before this device; everything later is reported.
    if (state === 'live' && !events.some(({ kind }) => kind === 'synced')) this.#recordShown(false);
  }

  #shown({ messages }: Conversation) {
    return messages.get().messages.filter((message) => message.seq !== undefined);
  }

  #recordShown(final: boolean): void {
    const messages = [...this.#conversations.values()].flatMap((one) => this.#shown(one)).map(seen);
    this.history.events.push({ kind: 'synced', at: this.#options.now(), messages, unread: this.#unread, final });
  }

  /** An event as if the server had sent it. */
  #pretend(event: string, payload: object): void {
    for (const listener of this.#socket?.listeners(event) ?? []) listener(payload);
  }

  #openSocket: OpenSocket = (url, { auth }): ChatSocket => {
    const base = { auth, forceNew: true, autoConnect: false, reconnection: false };
    const socket = io(url, { ...base, ...transportOf(this.#options) });
    this.#socket = socket;
    socket.onAny((event: string, payload: { epoch?: string }) => {
      if (event === 'session') this.#epoch = payload.epoch;
      if (event !== 'sync_required') return;
      this.#outdated = this.#syncs;
      this.history.events.push({ kind: 'syncRequired', at: this.#options.now() });
    });
    return {
      get id() {
        return socket.id;
      },
      get connected() {
        return socket.connected;
      },
      on: (event, listener) => socket.on(event, listener),
      off: () => socket.off(),
      connect: () => socket.connect(),
      disconnect: () => socket.disconnect(),
      emit: (event, payload, acknowledge = () => {}) => this.#emit(socket, event, payload, acknowledge),
    };
  };

  #emit(socket: Socket, event: string, payload: unknown, acknowledge: (ack: unknown) => void): void {
    if (event === 'sync') {
      const number = ++this.#syncs;
      this.#syncing.add(number);
      socket.emit(event, payload, (ack: SyncAck | FailureAck) => this.#syncEnded(number, ack, acknowledge));
    } else if (event === 'send_message' || event === 'read_messages') {
      if (this.#isAbandoned) return;
      const attempt = this.#begin(event, payload as Draft, socket.id ?? '');
      socket.emit(event, payload, (ack: SendAck | ReadAck | FailureAck) => {
        this.#open.delete(attempt);
        // The outcome of its kind, since the ack is that of its event.
        attempt.outcome = outcomeOf(ack, this.#options.now()) as SendAttempt['outcome'] & ReadAttempt['outcome'];
        acknowledge(ack);
      });
    } else socket.emit(event, payload, acknowledge);
  }

  #begin(event: 'send_message' | 'read_messages', draft: Draft, connection: string): SendAttempt | ReadAttempt {
    const at = this.#options.now();
    const attempt =
      event === 'send_message'
        ? unanswered(this, draft, { at, connection })
        : unansweredRead(this.userId, draft.conversationId, at);
    this.#open.add(attempt);
    if ('sender' in attempt) this.sends.push(attempt);
    else this.reads.push(attempt);
    return attempt;
  }

  #syncEnded(number: number, ack: SyncAck | FailureAck, acknowledge: (ack: unknown) => void): void {
    this.#syncing.delete(number);
    if (ack.ok) {
      this.#epoch = ack.epoch;
      this.#unread = ack.unread.count;
    }
    // Sends the next one, if there is more.
    acknowledge(ack);
    if (ack.ok && this.#syncing.size === 0) this.#synced = number;
  }
}

function outcomeOf(ack: SendAck | ReadAck | FailureAck, at: number) {
  if (!ack.ok) return { kind: 'refused', at, code: ack.error.code, retryable: ack.error.retryable };
  if (!('message' in ack)) return { kind: 'acked', at, upToSeq: ack.upToSeq };
  return { kind: 'acked', at, id: ack.message.id, seq: ack.message.seq, duplicate: ack.duplicate };
}
