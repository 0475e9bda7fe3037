import type { UnreadCounts } from '@chat-cluster/client/groups';
import { useCallback, useSyncExternalStore } from 'react';
import { useClient } from './session/session-context.ts';

/** Unread messages beside the badge: of muted conversations, and those that mention the user. */
export function useCounts(): UnreadCounts {
  const client = useClient();
  const subscribe = useCallback((listener: () => void) => client.on('badge', listener), [client]);
  return useSyncExternalStore(subscribe, () => client.counts);
}
