import { useChatStatus } from '@chat-cluster/client/react';
import { useCallback, useEffect, useSyncExternalStore } from 'react';
import { usePaneView } from '../pane/pane-view.ts';
import { useClient } from '../session/session-context.ts';

/** A block of the other user, and its change. The list is loaded with each connection and each opened conversation. */
export function useBlocked(otherUserId: string | undefined) {
  const { blocks } = useClient();
  const report = usePaneView((view) => view.report);
  const isLive = useChatStatus().state === 'live';
  const isBlocked = useIsBlocked(otherUserId);
  useEffect(() => {
    // Without the list the server still refuses what is blocked; the next connection tries again.
    if (isLive && otherUserId !== undefined) blocks.load().catch(() => {});
  }, [blocks, isLive, otherUserId]);
  const set = useCallback(
    (isBlocked: boolean) => {
      if (otherUserId === undefined) return;
      const change = isBlocked ? blocks.block(otherUserId) : blocks.unblock(otherUserId);
      change.catch((error: Error) => report(error.message));
    },
    [blocks, otherUserId, report],
  );
  return {
    isBlocked,
    block: () => set(true),
    unblock: () => set(false),
  };
}

/** Whether the user has blocked another one, as far as the list is loaded. */
export function useIsBlocked(otherUserId: string | undefined): boolean {
  const { blocks } = useClient();
  const subscribe = useCallback((listener: () => void) => blocks.subscribe(listener), [blocks]);
  return useSyncExternalStore(subscribe, () => blocks.get()?.some((userId) => userId === otherUserId) ?? false);
}
