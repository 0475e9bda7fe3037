import type { UserId } from '@chat-cluster/contracts';
import { useEffect } from 'react';
import type { GroupChatClient } from '../groups/types.ts';
import { useChatStatus, useObservable } from './client-hooks.ts';
import { useChatClient } from './provider.ts';

/**
 * The users that this user has blocked, with the extension for groups. Loads them at the first connection, until then they
 * are undefined. Follows the changes of all devices.
 */
export function useBlocks(): readonly UserId[] | undefined {
  const { blocks } = useChatClient<GroupChatClient>();
  const isLive = useChatStatus().state === 'live';
  useEffect(() => {
    // After a failure the next connection tries again.
    if (isLive && !blocks.get()) blocks.load().catch(() => {});
  }, [blocks, isLive]);
  return useObservable(blocks);
}
