import type { ChatClient } from '@chat-cluster/client';
import { indexedDbStore } from '@chat-cluster/client/indexeddb';
import {
  ChatProvider,
  useBadge,
  useConversation,
  useMessages,
  usePresence,
  useTyping,
} from '@chat-cluster/client/react';
import { createElement, type ReactNode } from 'react';

/** An application as users write it. The test of the package compiles it against what is published. */
export function Conversation({ userId }: { userId: string }): ReactNode {
  const { conversation, error } = useConversation({ userId });
  const { messages, hasOlder } = useMessages(conversation);
  const online = usePresence([userId])[userId]?.online ?? false;
  const texts: string[] = messages.map((message) =>
    message.seq === undefined ? `${message.content} (${message.status})` : `${message.seq} ${message.content}`,
  );
  const seqs: (number | undefined)[] = messages.map(({ seq }) => seq);
  const typing: readonly string[] = useTyping(conversation);
  const title = `${useBadge() ?? 0}`;
  if (error) return error.message;
  return createElement('p', { title }, ...texts, seqs.length, hasOlder, online, typing.length);
}

export function Application({ client }: { client: ChatClient }): ReactNode {
  return createElement(ChatProvider, { client }, createElement(Conversation, { userId: 'bob' }));
}

export const store = indexedDbStore({ name: 'my-application' });
