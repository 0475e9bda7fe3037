import { type ChatClient, type Conversation, createChatClient } from '@chat-cluster/client';
import type { ClientMessageId, ConversationId, Message, UserId } from '@chat-cluster/contracts';
import { io, type Socket } from 'socket.io-client';

/**
 * Longest wait before an attempt to connect, in ms. The library would wait up to 30 s after a long outage, or for a call
 * of `connect` after its token was refused; the prober must show soon that the chat is back.
 */
const LONGEST_WAIT_MS = 5_000;

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
 * An application on the client library: it reconnects, catches up, resends, and marks messages as read. It uses
 * websockets, since a Node client stores no cookies for the affinity that long-polling needs.
 */
export class SyntheticUser {
  /** True once the user has been in sync: it receives every message that is sent from then on. */
  isReady = false;
  #chat: ChatClient;
  #conversation: Conversation;
  #socket: Socket | undefined;
  #waitTimer: NodeJS.Timeout | undefined;

  constructor({ url, signToken, conversationId, withinMs, ...on }: SyntheticUserOptions) {
    this.#chat = createChatClient({
      url,
      getToken: signToken,
      maxOutboxAgeMs: withinMs,
      // One slow message must not delay the measurement of the next ones.
      maxSending: Number.MAX_SAFE_INTEGER,
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
    this.#chat.on('outbox', ({ message: { clientMessageId }, status }) => {
      if (status === 'stored') on.onStored(clientMessageId);
      // Too old, or refused for good.
      else if (status === 'failed') this.#conversation.discard(clientMessageId);
    });
    this.#chat.on('status', ({ state }) => {
      clearTimeout(this.#waitTimer);
      if (state === 'live') this.isReady = true;
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

  /** Sends a message, also after a reconnect. */
  send(clientMessageId: ClientMessageId): void {
    this.#conversation.send({ content: 'Are you there?', clientMessageId });
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
    void this.#chat.close();
  }
}
