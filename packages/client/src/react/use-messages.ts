import type { Conversation, MessagesSnapshot, Observable } from '../types.ts';
import { useObservable } from './client-hooks.ts';

const NONE: MessagesSnapshot = { messages: [], holes: [], hasOlder: false, isLoading: false };
const NO_CONVERSATION: Observable<MessagesSnapshot> = { get: () => NONE, subscribe: () => () => {} };

/** The messages of a conversation: stored ones by `seq`, then the outbox. Empty while there is no conversation. */
export function useMessages(conversation: Conversation | undefined): MessagesSnapshot {
  return useObservable(conversation?.messages ?? NO_CONVERSATION);
}
