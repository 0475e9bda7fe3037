import { useCallback, useSyncExternalStore } from 'react';
import type { GroupChatClient, UnreadCounts } from '../groups/types.ts';
import type { ChatClient, ChatEvent, ChatStatus, ConversationSnapshot, Observable, OutgoingMessage } from '../types.ts';
import { useChatClient } from './provider.ts';

/** Where the client stands: connecting, live, waiting … */
export function useChatStatus(): ChatStatus {
  return useClientValue('status', (client) => client.status);
}

/** The number of unread messages, as the server counts it. undefined before the first connection of this user. */
export function useBadge(): number | undefined {
  return useClientValue('badge', (client) => client.badge);
}

/** What the badge does not contain, with the extension for groups: unread messages of muted conversations, and mentions. */
export function useCounts(): UnreadCounts {
  return useClientValue<UnreadCounts, GroupChatClient>('badge', (client) => client.counts);
}

/** The conversations, newest activity first. `useChatClient().conversations` has `hasMore` and `loadMore`. */
export function useConversations(): readonly ConversationSnapshot[] {
  return useObservable(useChatClient().conversations);
}

/** What is not stored yet, over all conversations, oldest first. */
export function useOutbox(): readonly OutgoingMessage[] {
  return useObservable(useChatClient().outbox);
}

/** The value of an observable, also on the server. */
export function useObservable<T>(observable: Observable<T>): T {
  const subscribe = useCallback((listener: () => void) => observable.subscribe(listener), [observable]);
  const get = () => observable.get();
  return useSyncExternalStore(subscribe, get, get);
}

/** A value of the client that changes together with an event. It also changes with the user, and with it the status. */
function useClientValue<T, Client extends ChatClient = ChatClient>(event: ChatEvent, read: (client: Client) => T): T {
  const client = useChatClient<Client>();
  const subscribe = useCallback(
    (listener: () => void) => {
      const offs = [client.on(event, listener), client.on('status', listener)];
      return () => {
        for (const off of offs) off();
      };
    },
    [client, event],
  );
  const get = () => read(client);
  return useSyncExternalStore(subscribe, get, get);
}
