import { useEffect, useState } from 'react';
import type { ChatClient, Conversation } from '../types.ts';
import { useChatClient } from './provider.ts';

const NONE: readonly string[] = [];

/**
 * The ids of the other users who type in a conversation. The client ends the typing of a user: when their message arrives,
 * and 5 s after their last signal. `conversation.typing` signals the typing of this user.
 */
export function useTyping(conversation: Conversation | undefined): readonly string[] {
  const client = useChatClient();
  const id = conversation?.id;
  const [shown, setShown] = useState<{ id: string | undefined; userIds: readonly string[] }>({ id, userIds: NONE });
  useEffect(
    () => (id === undefined ? undefined : followTyping(client, id, (userIds) => setShown({ id, userIds }))),
    [client, id],
  );
  return shown.id === id ? shown.userIds : NONE;
}

/** Calls `onChange` at each change, and at the end with no user. */
function followTyping(client: ChatClient, id: string, onChange: (userIds: readonly string[]) => void): () => void {
  const typing = new Set<string>();
  const off = client.on('typing', (signal) => {
    if (signal.conversationId !== id) return;
    if (signal.typing) typing.add(signal.userId);
    else typing.delete(signal.userId);
    onChange([...typing]);
  });
  return () => {
    off();
    onChange(NONE);
  };
}
