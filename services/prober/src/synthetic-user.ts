import { type ChatClient, type Conversation, createChatClient } from '@chat-cluster/client';
import type { ClientMessageId, ConversationId, FailureAck, Message, SendAck, UserId } from '@chat-cluster/contracts';
import { io, type Socket } from 'socket.io-client';

/**
 * Longest wait before an attempt to connect, in ms. The library would wait up to 30 s after a long outage, or for a call
 * of `connect` after its token was refused; the prober must show soon that the chat is back.
 */
const LONGEST_WAIT_MS = 5_000;
/** Pause before a refused message is sent again, without `retryAfterMs`, in ms. */
const RESEND_AFTER_MS = 500;

export interface SyntheticUserOptions {
  url: string;
  userId: UserId;
  /** Signs a new token, for a connection, and before the token of a connection expires. */
  signToken(): Promise<string>;
  conversationId: ConversationId;
  /** Time after which a message is not sent any more, in ms. */
  withinMs: number;
  /** A message of the conversation was received, by event or by sync. Each is received once. */
  onMessage(message: Message): void;
  /** A message of this user is stored. */
  onStored(clientMessageId: ClientMessageId): void;
  /** The user has connected or disconnected, or is in sync. */
  onChange(): void;
}

/**
 * An application on the client library: it reconnects, catches up, and marks messages as read. It uses websockets, since a
 * Node client stores no cookies for the affinity that long-polling needs.
 *
 * It sends each message itself, when it is due: the outbox of the library waits after a refusal until everything under
 * way is answered, so a slow ack would delay the next messages, and a slow chat would look like one that loses them.
 */
export class SyntheticUser {
  /** True once the user has been in sync: it receives every message that is sent from then on. */
  isReady = false;
  #chat: ChatClient;
  #conversation: Conversation;
  #conversationId: ConversationId;
  #withinMs: number;
  #onStored: SyntheticUserOptions['onStored'];
  /** Messages that are not stored yet, and the ends of their time. */
  #unsent = new Map<ClientMessageId, NodeJS.Timeout>();
  #socket: Socket | undefined;
  #waitTimer: NodeJS.Timeout | undefined;

  constructor({ url, signToken, conversationId, withinMs, ...on }: SyntheticUserOptions) {
    this.#conversationId = conversationId;
    this.#withinMs = withinMs;
    this.#onStored = on.onStored;
    this.#chat = createChatClient({
      url,
      getToken: signToken,
      socket: (origin, { auth }) => {
        const options = { auth, forceNew: true, autoConnect: false, reconnection: false, transports: ['websocket'] };
        this.#socket = io(origin, options);
        return this.#socket;
      },
    });
    this.#conversation = this.#chat.conversation(conversationId);
    this.#chat.on('message', (message) => {
      if (message.conversationId === conversationId) on.onMessage(message);
    });
    this.#chat.on('status', ({ state }) => {
      clearTimeout(this.#waitTimer);
      if (state === 'live') {
        this.isReady = true;
        for (const id of this.#unsent.keys()) this.#attempt(id);
      }
      if (state === 'waiting' || state === 'unauthorized') {
        this.#waitTimer = setTimeout(() => this.#chat.connect(), LONGEST_WAIT_MS);
      }
      on.onChange();
    });
    this.#chat.connect();
  }

  /** The gateway of the current connection. */
  get gatewayId(): string | undefined {
    const { state, gatewayId } = this.#chat.status;
    return state === 'catching_up' || state === 'live' ? gatewayId : undefined;
  }

  /** Sends a message, and again after a reconnect or a refusal, until it is stored or its time is over. */
  send(clientMessageId: ClientMessageId): void {
    this.#unsent.set(
      clientMessageId,
      setTimeout(() => this.#unsent.delete(clientMessageId), this.#withinMs),
    );
    this.#attempt(clientMessageId);
  }

  /** Marks all messages as read, so that the unread count stays small. */
  read(): void {
    this.#conversation.read();
  }

  /** Loses its connection, and opens one that may lead to another gateway. */
  move(): void {
    this.#socket?.disconnect();
  }

  close(): void {
    clearTimeout(this.#waitTimer);
    for (const id of this.#unsent.keys()) this.#end(id);
    void this.#chat.close();
  }

  #attempt(clientMessageId: ClientMessageId): void {
    if (this.#chat.status.state !== 'live' || !this.#unsent.has(clientMessageId)) return;
    const draft = { conversationId: this.#conversationId, content: 'Are you there?', clientMessageId };
    this.#socket?.emit('send_message', draft, (ack: SendAck | FailureAck) => {
      if (!this.#unsent.has(clientMessageId)) return;
      if (ack.ok) {
        this.#end(clientMessageId);
        this.#onStored(clientMessageId);
      } else if (ack.error.retryable) {
        setTimeout(() => this.#attempt(clientMessageId), ack.error.retryAfterMs ?? RESEND_AFTER_MS).unref();
      }
    });
  }

  #end(clientMessageId: ClientMessageId): void {
    clearTimeout(this.#unsent.get(clientMessageId));
    this.#unsent.delete(clientMessageId);
  }
}
