import { useChatStatus } from '@chat-cluster/client/react';
import { useCallback, useEffect } from 'react';
import { usePaneView } from '../pane/pane-view.ts';
import { useClient } from '../session/session-context.ts';
import { useFrameSnapshot } from '../use-frame-snapshot.ts';

/** Whether the user has blocked another one. The list is loaded with each connection and each opened conversation. */
export function useBlocked(otherUserId: string | undefined) {
  const { blocks } = useClient();
  const report = usePaneView((view) => view.report);
  const isLive = useChatStatus().state === 'live';
  const blocked = useFrameSnapshot(blocks);
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
    isBlocked: blocked?.some((userId) => userId === otherUserId) ?? false,
    block: () => set(true),
    unblock: () => set(false),
  };
}
