import { useInfo } from '../use-info.ts';
import { useOpenConversation } from './open-conversation.ts';

/** False in a group that the user has left or was removed from. */
export function useCanWrite(): boolean {
  const { conversation } = useOpenConversation();
  return useInfo(conversation, (info) => info?.group?.role !== null);
}
