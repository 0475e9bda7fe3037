import type {
  ClientMessageId,
  ClientToServerEvents,
  ConversationId,
  Message,
  ServerToClientEvents,
  UserId,
} from '@chat-cluster/contracts';
import { io, type Socket } from 'socket.io-client';

/** Delay before a reconnect after a refusal in Socket.IO, in ms. A stock client does not retry after such a refusal. */
const RETURN_MS = 5_000;
/** Time limit of one `sync`, in ms. */
const SYNC_TIMEOUT_MS = 5_000;

/** The conversation of the pair, and its last seq before the users connected. */
export interface ProbedConversation {
  id: ConversationId;
  lastSeq: number;
}

export interface SyntheticUserOptions {
  url: string;
  userId: UserId;
  /** Signs a new token, for each connection, and before the token of a connection expires. */
  signToken(): Promise<string>;
  conversation: ProbedConversation;
  /** A message of the conversation was received, by event or by sync. A message may be received twice. */
  onMessage(message: Message): void;
  /** The user has connected or disconnected. */
  onChange(): void;
}

/**
 * A stock client that behaves like a well-made app: it always reconnects, syncs missed messages, and marks messages as
 * read. It uses websockets, since a Node client stores no cookies for the affinity that long-polling needs.
 */
export class SyntheticUser {
  /** The gateway of the current connection. */
  gatewayId: string | undefined;
  #socket: Socket<ServerToClientEvents, ClientToServerEvents>;
  #options: SyntheticUserOptions;
  /** All messages up to this seq have been received. */
  #upTo: number;
  #epoch: string | undefined;
  #syncing = false;
  #returnTimer: NodeJS.Timeout | undefined;

  constructor(options: SyntheticUserOptions) {
    this.#options = options;
    this.#upTo = options.conversation.lastSeq;
    this.#socket = io(options.url, {
      forceNew: true,
      transports: ['websocket'],
      auth: (authenticate) => void options.signToken().then((token) => authenticate({ token })),
    });
    this.#socket.on('session', ({ gatewayId }) => {
      clearTimeout(this.#returnTimer);
      this.gatewayId = gatewayId;
      options.onChange();
      void this.#sync();
    });
    this.#socket.on('new_message', (message) => this.#receive(message));
    this.#socket.on('token_expiring', async () => {
      this.#socket.emit('refresh_token', { token: await options.signToken() });
    });
    this.#socket.on('sync_required', () => void this.#sync());
    this.#socket.on('connect_error', () => this.#onDisconnect());
    this.#socket.on('disconnect', () => this.#onDisconnect());
  }

  /**
   * Sends a message. While there is no connection Socket.IO buffers it, for at most `withinMs`. Calls `onStored` only
   * on an ack that the message is stored.
   */
  send(clientMessageId: ClientMessageId, withinMs: number, onStored: () => void): void {
    const draft = { conversationId: this.#options.conversation.id, content: 'Are you there?', clientMessageId };
    this.#socket
      .timeout(withinMs)
      .emitWithAck('send_message', draft)
      .then(
        ({ ok }) => {
          if (ok) onStored();
        },
        () => {},
      );
  }

  /** Marks all messages as read, so that the unread count stays small. */
  read(): void {
    if (this.#socket.connected) this.#socket.emit('read_messages', { conversationId: this.#options.conversation.id });
  }

  /** Reconnects, possibly to another gateway. */
  move(): void {
    this.#socket.disconnect().connect();
  }

  close(): void {
    clearTimeout(this.#returnTimer);
    this.#socket.off().disconnect();
    this.gatewayId = undefined;
  }

  #receive(message: Message): void {
    if (message.conversationId !== this.#options.conversation.id) return;
    this.#options.onMessage(message);
    if (message.seq === this.#upTo + 1) this.#upTo = message.seq;
    else if (message.seq > this.#upTo) void this.#sync();
  }

  /** Receives missed messages. One sync at a time; after a failed one the next connection or gap starts another. */
  async #sync(): Promise<void> {
    if (this.#syncing) return;
    this.#syncing = true;
    try {
      for (let hasMore = true; hasMore; ) {
        const request = { conversations: [{ id: this.#options.conversation.id, afterSeq: this.#upTo }] };
        const ack = await this.#socket.timeout(SYNC_TIMEOUT_MS).emitWithAck('sync', request);
        if (!ack.ok) return;
        // A gateway of an earlier version sends no epoch.
        const epoch: string | undefined = ack.epoch;
        const restored = this.#epoch !== undefined && epoch !== undefined && this.#epoch !== epoch;
        this.#epoch = epoch ?? this.#epoch;
        // The numbers are assigned again from here; the messages before are of no interest.
        if (restored) this.#upTo = ack.conversations[0]?.lastSeq ?? 0;
        for (const message of ack.conversations[0]?.messages ?? []) {
          this.#options.onMessage(message);
          this.#upTo = Math.max(this.#upTo, message.seq);
        }
        hasMore = ack.hasMore;
      }
    } catch {
    } finally {
      this.#syncing = false;
    }
  }

  #onDisconnect(): void {
    this.gatewayId = undefined;
    this.#options.onChange();
    clearTimeout(this.#returnTimer);
    // An inactive socket does not reconnect by itself.
    if (!this.#socket.active) this.#returnTimer = setTimeout(() => this.#socket.connect(), RETURN_MS);
  }
}
