import { useBlocks } from '@chat-cluster/client/react';
import { useCallback } from 'react';
import { usePaneView } from '../pane/pane-view.ts';
import { useClient } from '../session/session-context.ts';

/** A block of the other user, and its change. Until the list is loaded, the server refuses what is blocked. */
export function useBlocked(otherUserId: string | undefined) {
  const { blocks } = useClient();
  const report = usePaneView((view) => view.report);
  const isBlocked = useIsBlocked(otherUserId);
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
  return useBlocks()?.some((userId) => userId === otherUserId) ?? false;
}
