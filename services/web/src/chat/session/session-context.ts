import type { ConversationSnapshot } from '@chat-cluster/client';
import type { GroupChatClient } from '@chat-cluster/client/groups';
import { useChatClient, useChatStatus } from '@chat-cluster/client/react';
import { createContext, use, useCallback, useSyncExternalStore } from 'react';
import type { Session } from './session.ts';

export const SessionContext = createContext<Session | undefined>(undefined);

/** The session of the nearest pane. */
export function useSession(): Session {
  const session = use(SessionContext);
  if (!session) throw new Error('useSession needs a pane around it.');
  return session;
}

/** The client of the nearest pane. */
export function useClient(): GroupChatClient {
  return useSession().client;
}

/** The user of the session. Before the first connection it is the user whose conversations this browser has kept. */
export function useUserId(): string | undefined {
  const session = useSession();
  const { userId } = useChatStatus();
  const keptFor = useConversationsPart(participantBesideOthers);
  return userId ?? session.user ?? keptFor;
}

/** The user, from the last message of a direct conversation. */
function participantBesideOthers(conversations: readonly ConversationSnapshot[]): string | undefined {
  const { lastMessage, otherUserId } = conversations.find((one) => one.otherUserId && one.lastMessage) ?? {};
  return lastMessage?.senderId === otherUserId ? lastMessage?.receiverId : lastMessage?.senderId;
}

/** A text that depends on the conversations. Only another text draws the component again, not each message. */
export function useConversationsPart(
  select: (conversations: readonly ConversationSnapshot[]) => string | undefined,
): string | undefined {
  const { conversations } = useChatClient();
  const subscribe = useCallback((listener: () => void) => conversations.subscribe(listener), [conversations]);
  return useSyncExternalStore(subscribe, () => select(conversations.get()));
}
