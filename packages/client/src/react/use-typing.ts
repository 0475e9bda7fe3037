import { useEffect, useState } from 'react';
import type { ChatClient, Conversation } from '../types.ts';
import { useChatClient } from './provider.ts';

/** Time after the last signal for which a user counts as typing, in ms: the contract's, longer than its repetition. */
const SHOWN_MS = 5_000;
const NONE: readonly string[] = [];

/**
 * The ids of the users who type in a conversation: for 5 s after their last signal, and until their message arrives.
 * `conversation.typing(true)` at each key, or `false`, signals the typing of this user.
 */
export function useTyping(conversation: Conversation | undefined): readonly string[] {
  const client = useChatClient();
  const id = conversation?.id;
  const [state, setState] = useState<{ id: string | undefined; userIds: readonly string[] }>({ id, userIds: NONE });
  useEffect(
    () => (id === undefined ? undefined : followTyping(client, id, (userIds) => setState({ id, userIds }))),
    [client, id],
  );
  return state.id === id ? state.userIds : NONE;
}

function followTyping(client: ChatClient, id: string, onChange: (userIds: readonly string[]) => void): () => void {
  const timers = new Map<string, ReturnType<typeof setTimeout>>();
  const stop = (userId: string) => {
    clearTimeout(timers.get(userId));
    if (timers.delete(userId)) onChange([...timers.keys()]);
  };
  const start = (userId: string) => {
    const isNew = !timers.has(userId);
    clearTimeout(timers.get(userId));
    timers.set(
      userId,
      setTimeout(() => stop(userId), SHOWN_MS),
    );
    if (isNew) onChange([...timers.keys()]);
  };
  const offs = [
    client.on('typing', ({ conversationId, userId, typing }) => {
      if (conversationId === id) (typing ? start : stop)(userId);
    }),
    client.on('message', ({ conversationId, senderId }) => {
      if (conversationId === id) stop(senderId);
    }),
  ];
  return () => {
    for (const off of offs) off();
    for (const timer of timers.values()) clearTimeout(timer);
    onChange(NONE);
  };
}
