import type {
  ClientMessageId,
  ClientToServerEvents,
  ConversationId,
  Message,
  ServerToClientEvents,
  UserId,
} from '@chat-cluster/contracts';
import { io, type Socket } from 'socket.io-client';

/** After a refusal in Socket.IO a stock client stays away for good; this one comes back after so long. */
const RETURN_MS = 5_000;
const SYNC_WITHIN_MS = 5_000;

/** The conversation of the pair, and the last seq before its users came. */
export interface ProbedConversation {
  id: ConversationId;
  lastSeq: number;
}

export interface SyntheticUserOptions {
  url: string;
  userId: UserId;
  /** A fresh token, for each connection. */
  token(): string;
  conversation: ProbedConversation;
  /** A message of the conversation, by event or by sync; one may come twice. */
  onMessage(message: Message): void;
  /** Connected, or no longer. */
  onChange(): void;
}

/**
 * A stock client that does what a well-made app does: it comes back for ever, asks for what it missed, and reads. Over
 * websockets, since a Node client keeps no cookie for the affinity that long-polling needs.
 */
export class SyntheticUser {
  /** The gateway that it is connected to; undefined while it is not. */
  gatewayId: string | undefined;
  #socket: Socket<ServerToClientEvents, ClientToServerEvents>;
  #options: SyntheticUserOptions;
  /** Everything up to here has been heard. */
  #upTo: number;
  #syncing = false;
  #return: NodeJS.Timeout | undefined;

  constructor(options: SyntheticUserOptions) {
    this.#options = options;
    this.#upTo = options.conversation.lastSeq;
    this.#socket = io(options.url, {
      forceNew: true,
      transports: ['websocket'],
      auth: (tell) => tell({ token: options.token() }),
    });
    this.#socket.on('session', ({ gatewayId }) => {
      clearTimeout(this.#return);
      this.gatewayId = gatewayId;
      options.onChange();
      void this.#sync();
    });
    this.#socket.on('new_message', (message) => this.#hear(message));
    this.#socket.on('sync_required', () => void this.#sync());
    this.#socket.on('connect_error', () => this.#left());
    this.#socket.on('disconnect', () => this.#left());
  }

  /** Socket.IO keeps it while there is no connection, for `withinMs` at the most. Calls back only for an ack that it is stored. */
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

  /** Marks everything as read, so that no unread messages pile up. */
  read(): void {
    if (this.#socket.connected) this.#socket.emit('read_messages', { conversationId: this.#options.conversation.id });
  }

  /** Comes again, to be given another gateway. */
  move(): void {
    this.#socket.disconnect().connect();
  }

  close(): void {
    clearTimeout(this.#return);
    this.#socket.off().disconnect();
    this.gatewayId = undefined;
  }

  #hear(message: Message): void {
    if (message.conversationId !== this.#options.conversation.id) return;
    this.#options.onMessage(message);
    if (message.seq === this.#upTo + 1) this.#upTo = message.seq;
    else if (message.seq > this.#upTo) void this.#sync();
  }

  /** One at a time; one that fails is made up for by the next connection or gap. */
  async #sync(): Promise<void> {
    if (this.#syncing) return;
    this.#syncing = true;
    try {
      for (let hasMore = true; hasMore; ) {
        const question = { conversations: [{ id: this.#options.conversation.id, afterSeq: this.#upTo }] };
        const ack = await this.#socket.timeout(SYNC_WITHIN_MS).emitWithAck('sync', question);
        if (!ack.ok) return;
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

  #left(): void {
    this.gatewayId = undefined;
    this.#options.onChange();
    clearTimeout(this.#return);
    // Not active: it will not come back by itself.
    if (!this.#socket.active) this.#return = setTimeout(() => this.#socket.connect(), RETURN_MS);
  }
}
