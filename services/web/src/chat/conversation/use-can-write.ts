import { useInfo } from '../use-info.ts';
import { useOpenConversation } from './open-conversation.ts';
import { useIsBlocked } from './use-blocked.ts';

/** False in a group that the user has left or was removed from, and in a direct conversation with a blocked user. */
export function useCanWrite(): boolean {
  const { conversation } = useOpenConversation();
  const isMember = useInfo(conversation, (info) => info?.group?.role !== null);
  const isBlocked = useIsBlocked(useInfo(conversation, (info) => info?.otherUserId));
  return isMember && !isBlocked;
}
