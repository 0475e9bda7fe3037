import type { ConversationSnapshot } from '@chat-cluster/client';
import type { FullConversation } from '@chat-cluster/client/groups';
import { useCallback, useSyncExternalStore } from 'react';

/** A part of what the list shows of a conversation: a plain value, or the same object until it changes. */
export function useInfo<T>(
  { info }: Pick<FullConversation, 'info'>,
  select: (info: ConversationSnapshot | undefined) => T,
): T {
  const subscribe = useCallback((listener: () => void) => info.subscribe(listener), [info]);
  return useSyncExternalStore(subscribe, () => select(info.get()));
}
