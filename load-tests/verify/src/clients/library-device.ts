import {
  type ChatClient,
  type ChatEvents,
  type ChatStatus,
  type Conversation,
  createChatClient,
} from '@chat-cluster/client';
import { groups } from '@chat-cluster/client/groups';
import type { Message } from '@chat-cluster/contracts';
import { type Badge, type DeviceHistory, type ReadAttempt, type SendAttempt, seen } from '@chat-cluster/testkit';
import { waitUntil } from '../wait-until.ts';
import type { Device, DeviceOptions, Draft, SendOutcome } from './device.ts';
import { GroupActions } from './group-actions.ts';
import { RecordedSocket } from './recorded-socket.ts';
import { ShownState } from './shown-state.ts';
import { TokenIssuer } from './token-issuer.ts';

/** Time for the last sync and what it loads, in ms. */
const FINAL_SYNC_MS = 20_000;
const PAGE = 500;

/**
 * An application on packages/client that shows all of its conversations. The history has what the library reports, and
 * what its windows show; {@link RecordedSocket} has the attempts to send.
 */
export class LibraryDevice implements Device {
  readonly kind = 'library';
  readonly history: DeviceHistory;
  readonly sends: SendAttempt[];
  readonly reads: ReadAttempt[];
  readonly problems: string[] = [];
  readonly userId: string;
  readonly groups: GroupActions | undefined;
  #options: DeviceOptions;
  #issuer: TokenIssuer;
  #chat: ChatClient;
  #conversations = new Map<string, Conversation>();
  #state: ShownState;
  #socket: RecordedSocket;
  #isOpen = false;
  /** Conversations of which a hole is being loaded. */
  #filling = new Set<string>();
  #isAbandoned = false;
  #abandoned = Promise.withResolvers<void>();

  constructor(options: DeviceOptions) {
    const { id, userId, conversations, groups: mayJoin, target, now, issuer = new TokenIssuer(target) } = options;
    this.#options = options;
    this.#issuer = issuer;
    this.userId = userId;
    this.history = {
      id,
      userId,
      client: 'library',
      conversations: [...new Set([...conversations, ...(mayJoin ?? [])])],
      events: [],
    };
    this.#socket = new RecordedSocket(this, options, () => this.groups);
    this.sends = this.#socket.sends;
    this.reads = this.#socket.reads;
    const client = {
      url: target.url,
      getToken: () => issuer.issue(userId),
      socket: this.#socket.open,
      // Every message is reported and shown, since the checker counts them.
      maxBacklog: Number.MAX_SAFE_INTEGER,
      windowSize: Number.MAX_SAFE_INTEGER,
    };
    if (mayJoin) {
      const chat = createChatClient({ ...client, extension: groups });
      this.groups = new GroupActions({ userId, chat, now, socket: () => this.#socket.socket });
      this.#state = new ShownState(this.history, now, chat);
      this.#chat = chat;
    } else {
      this.#chat = createChatClient(client);
      this.#state = new ShownState(this.history, now);
    }
    this.#listen();
    for (const one of conversations) this.#openConversation(one);
    this.#chat.connect();
  }

  get gateway(): string {
    return this.#isOpen ? (this.#chat.status.gatewayId ?? '') : '';
  }

  get inSync(): boolean {
    if (this.#chat.status.state !== 'live' || !this.#socket.isSynced) return false;
    const snapshots = [...this.#conversations.values()].map(({ messages }) => messages.get());
    return snapshots.every(({ isLoading, holes }) => !isLoading && holes.length === 0);
  }

  get badge(): Badge | undefined {
    return this.#state.badge(this.#chat.badge);
  }

  async send({ conversationId, ...draft }: Draft): Promise<SendOutcome> {
    const { now } = this.#options;
    const conversation = this.#conversation(conversationId);
    const stored = async (): Promise<SendOutcome> => {
      try {
        const { seq } = await conversation.send(draft).stored;
        return { kind: 'acked', at: now(), seq };
      } catch (error) {
        // The library refuses a draft that the server would never accept.
        if (error instanceof TypeError) {
          return { kind: 'refused', at: now(), code: 'VALIDATION_FAILED', retryable: false };
        }
        const { code, retryable } = error as Error & { code: string; retryable: boolean };
        if (this.#chat.outbox.get().some((one) => one.clientMessageId === draft.clientMessageId)) {
          conversation.discard(draft.clientMessageId);
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
    const hasMoved = () => {
      const { readMarks = {}, group } = this.#chat.conversations.get().find(({ id }) => id === conversationId) ?? {};
      // A former member has no mark that moves.
      return (
        group?.role === null || (Object.entries(readMarks).find(([id]) => id === this.userId)?.[1] ?? 0) >= upToSeq
      );
    };
    await waitUntil(() => this.#isAbandoned || hasMoved(), Number.POSITIVE_INFINITY);
  }

  receivedUpTo(conversationId: string): number {
    return this.#shown(this.#conversation(conversationId)).at(-1)?.seq ?? 0;
  }

  signIn(): void {
    this.#chat.connect();
  }

  reconnect(): void {
    this.#socket.outdate();
    this.#socket.pretend('server_draining', { reconnectInMs: 0 });
  }

  abandon(): void {
    this.#isAbandoned = true;
    this.#socket.isEnded = true;
    this.#abandoned.resolve();
  }

  async finalSync(): Promise<void> {
    this.#recordShown(false);
    this.#socket.outdate();
    this.#socket.pretend('sync_required', { reason: 'events_lost' });
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

  #openConversation(id: string): void {
    const conversation = this.#chat.conversation(id);
    this.#conversations.set(id, conversation);
    if (!this.groups) return;
    conversation.messages.subscribe(() => {
      this.#state.update(this.#shown(conversation));
      void this.#fill(conversation);
    });
  }

  /** Loads what a member sees who was added again with the whole history: the library marks it as holes. */
  async #fill(conversation: Conversation): Promise<void> {
    const { holes } = conversation.messages.get();
    const [hole] = holes;
    if (!hole || this.#filling.has(conversation.id) || this.#chat.status.state !== 'live') return;
    const before = this.#shown(conversation).find(({ seq }) => seq === hole.fromSeq - 1);
    if (!before || !endsMembership(before, this.userId))
      this.problems.push(`${conversation.id} has a hole from ${hole.fromSeq} to ${hole.toSeq}`);
    this.#filling.add(conversation.id);
    try {
      await conversation.loadHole(hole, PAGE);
    } catch {
      // After a lost connection the next change of the window tries again.
    }
    this.#filling.delete(conversation.id);
  }

  #listen(): void {
    const { events } = this.history;
    const { now } = this.#options;
    const chat = this.#chat;
    chat.on('status', (status) => this.#statusChanged(status));
    chat.on('message', (message) => this.#state.received(message));
    chat.on('badge', () => this.badge && events.push({ kind: 'badge', at: now(), ...this.badge }));
    chat.on('read', (mark) => this.#state.marked('read', mark));
    chat.on('conversation', (conversation) => {
      this.#state.conversationChanged(conversation);
      if (this.#options.groups?.includes(conversation.id) && !this.#conversations.has(conversation.id)) {
        this.#openConversation(conversation.id);
      }
    });
    chat.on('outbox', ({ message: { conversationId, clientMessageId }, status, stored }: ChatEvents['outbox']) => {
      const seq = stored ? { seq: stored.seq } : {};
      events.push({ kind: 'outbox', at: now(), conversationId, clientMessageId, status, ...seq });
    });
    chat.on('discontinuity', ({ reason, conversationId }) => {
      if (reason === 'epoch') this.#state.restart();
      if (reason === 'epoch') events.push({ kind: 'restarted', at: now(), epoch: this.#socket.epoch ?? '' });
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
      events.push({ kind: 'connected', at, connection: this.#socket.socket?.id ?? '', gateway: gatewayId });
    } else if (wasOpen && !this.#isOpen) {
      events.push({ kind: 'disconnected', at, reason: error?.message ?? 'the client moves or has closed' });
      this.#socket.lost(at);
    }
    if (state === 'unauthorized' && !this.#issuer.troubled.has(this.userId)) {
      this.problems.push(`it is unauthorized: ${error?.message}`);
    }
    // What is shown now was there before this device; everything later is reported.
    if (state === 'live' && !events.some(({ kind }) => kind === 'synced')) this.#recordShown(false);
  }

  #shown({ messages }: Conversation) {
    return messages.get().messages.filter((message) => message.seq !== undefined);
  }

  #recordShown(final: boolean): void {
    const messages = [...this.#conversations.values()].flatMap((one) => this.#shown(one));
    this.#state.shows(messages);
    this.history.events.push({
      kind: 'synced',
      at: this.#options.now(),
      messages: messages.map(seen),
      unread: this.#socket.unread,
      final,
    });
  }
}

/** The user has left the group with this entry, or was removed. */
function endsMembership({ system, senderId }: Pick<Message, 'system' | 'senderId'>, userId: string): boolean {
  return system?.type === 'left'
    ? senderId === userId
    : system?.type === 'removed' && system.userIds.some((id) => id === userId);
}
