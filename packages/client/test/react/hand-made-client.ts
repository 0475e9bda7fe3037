import type { ConversationId, UserId } from '@chat-cluster/contracts';
import type {
  ChatClient,
  ChatEvent,
  ChatEvents,
  Conversation,
  ConversationList,
  ConversationSnapshot,
  MessagesSnapshot,
  Observable,
  OutgoingMessage,
} from '../../src/types.ts';

/** A value that a test sets. */
export interface Settable<T> extends Observable<T> {
  set(value: T): void;
  listeners(): number;
}

/** A client without a connection: tests set what hooks read, and emit what they wait for. */
export function handMadeClient() {
  const listeners = new Map<ChatEvent, Set<(value: never) => void>>();
  const conversations = new Map<string, ReturnType<typeof handMadeConversation>>();
  const presence = new Map<string, ChatEvents['presence']>();
  const watched: string[] = [];
  const list = settable<readonly ConversationSnapshot[]>([]);
  const outbox = settable<readonly OutgoingMessage[]>([]);
  const direct: { userId: string; resolve(id: string): void; reject(error: Error): void }[] = [];
  const never = () => Promise.reject(new Error('A hook does not call this.'));
  const conversation = (id: string) => {
    const found = conversations.get(id) ?? handMadeConversation(id);
    conversations.set(id, found);
    return found;
  };
  const client = {
    status: { state: 'idle', since: 0, attempt: 0 } as ChatEvents['status'],
    badge: undefined as number | undefined,
    conversations: Object.assign(list, { hasMore: false, loadMore: never }) satisfies ConversationList,
    connect: () => {},
    close: never,
    signOut: never,
    on<E extends ChatEvent>(event: E, listener: (value: ChatEvents[E]) => void) {
      const ofEvent = listeners.get(event) ?? new Set();
      listeners.set(event, ofEvent.add(listener));
      return () => {
        ofEvent.delete(listener);
      };
    },
    direct: (userId: string) =>
      new Promise<Conversation>((resolve, reject) => {
        direct.push({ userId, resolve: (id) => resolve(conversation(id)), reject });
      }),
    conversation,
    watch(userIds: readonly string[]) {
      watched.push(...userIds);
      return () => {
        for (const userId of userIds) watched.splice(watched.indexOf(userId), 1);
      };
    },
    presenceOf: (userId: string) => presence.get(userId),
    outbox,
    settled: never,
  } satisfies ChatClient;
  const emit = <E extends ChatEvent>(event: E, value: ChatEvents[E]) => {
    for (const listener of listeners.get(event) ?? []) (listener as (value: ChatEvents[E]) => void)(value);
  };
  return {
    client,
    conversation,
    list,
    outbox,
    direct,
    watched,
    emit,
    setStatus(state: ChatEvents['status']['state']) {
      client.status = { state, since: 1, attempt: 0 };
      emit('status', client.status);
    },
    setBadge(count: number) {
      client.badge = count;
      emit('badge', count);
    },
    setPresence(userId: string, online: boolean) {
      const value = { userId: userId as UserId, online };
      presence.set(userId, value);
      emit('presence', value);
    },
    /** Without an event, as at the sign-in of another user. */
    forgetUser() {
      client.badge = undefined;
      presence.clear();
    },
    /** Subscriptions that have not ended. */
    subscriptions: () =>
      [...listeners.values()].reduce((sum, { size }) => sum + size, 0) +
      [list, outbox, ...[...conversations.values()].map(({ messages }) => messages)].reduce(
        (sum, value) => sum + value.listeners(),
        0,
      ),
  };
}

function handMadeConversation(id: string) {
  const never = () => {
    throw new Error('A hook does not call this.');
  };
  return {
    id: id as ConversationId,
    messages: settable<MessagesSnapshot>({ messages: [], holes: [], hasOlder: true, isLoading: true }),
    loadOlder: never,
    loadHole: never,
    send: never,
    retry: never,
    discard: never,
    read: never,
    typing: never,
    release: never,
  } satisfies Conversation;
}

function settable<T>(value: T): Settable<T> {
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      value = next;
      for (const listener of listeners) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    listeners: () => listeners.size,
  };
}
