import { createContext, createElement, type ReactNode, useContext } from 'react';
import type { ChatClient } from '../types.ts';

const ClientContext = createContext<ChatClient | undefined>(undefined);

/**
 * Gives the hooks below it a client. The application creates, connects and closes the client outside of React: a
 * component that is mounted twice, as in StrictMode, must not open two connections.
 */
export function ChatProvider(props: { client: ChatClient; children?: ReactNode }): ReactNode {
  return createElement(ClientContext.Provider, { value: props.client }, props.children);
}

/** The client of the nearest ChatProvider. Throws without one. With groups: `useChatClient<GroupChatClient>()`. */
export function useChatClient<Client extends ChatClient = ChatClient>(): Client {
  const client = useContext(ClientContext);
  if (!client) throw new Error('A chat hook has no client. Render this component inside <ChatProvider client={…}>.');
  return client as Client;
}
