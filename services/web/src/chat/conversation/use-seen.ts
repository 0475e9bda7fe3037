import type { Conversation } from '@chat-cluster/client';
import { useChatClient } from '@chat-cluster/client/react';
import { useCallback, useEffect, useRef } from 'react';
import { useUserId } from '../session/session-context.ts';
import { usePageVisible } from '../use-page.ts';
import { nextSeen, type Seen, seenAtOpening, withoutMark } from './seen.ts';
import { useQuietState } from './use-quiet-state.ts';

/**
 * The part of a conversation that the user has seen. Marks its newest message as read when it is on the screen. A message
 * that the user sees does not draw the list again; a movement of the mark "new" does.
 */
export function useSeen(conversation: Conversation, lastSeq: number, isEndOnScreen: boolean) {
  const client = useChatClient();
  const userId = useUserId();
  const isOnScreen = usePageVisible() && isEndOnScreen;
  const seen = useRef<Seen>(undefined);
  const [newAfterSeq, setNewAfterSeq] = useQuietState<number | undefined>(undefined);
  const snapshot = client.conversations.get().find(({ id }) => id === conversation.id);
  // Numbers, so that the effect runs when one of them has changed and not at each drawing.
  const unreadCount = snapshot?.unreadCount;
  const readUpTo = snapshot?.readMarks[userId as keyof typeof snapshot.readMarks] ?? 0;
  useEffect(() => {
    const state = seen.current ?? (unreadCount === undefined ? undefined : seenAtOpening(readUpTo, unreadCount));
    seen.current = state && nextSeen(state, lastSeq, isOnScreen);
    setNewAfterSeq(seen.current?.newAfterSeq);
  }, [unreadCount, readUpTo, lastSeq, isOnScreen, setNewAfterSeq]);
  useEffect(() => {
    if (isOnScreen && lastSeq > 0) conversation.read();
  }, [conversation, lastSeq, isOnScreen]);
  const forgetMark = useCallback(() => {
    seen.current = seen.current && withoutMark(seen.current);
    setNewAfterSeq(undefined);
  }, [setNewAfterSeq]);
  return { seen, newAfterSeq, forgetMark };
}
