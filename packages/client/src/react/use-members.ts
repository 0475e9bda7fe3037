import { useEffect } from 'react';
import type { FullConversation, MembersSnapshot } from '../groups/types.ts';
import type { ConversationSnapshot, Observable } from '../types.ts';
import { useObservable } from './client-hooks.ts';

const EMPTY: MembersSnapshot = { members: [], hasMore: true, isLoading: false };
const NO_MEMBERS: Observable<MembersSnapshot> = { get: () => EMPTY, subscribe: () => () => {} };
const NO_INFO: Observable<ConversationSnapshot | undefined> = { get: () => undefined, subscribe: () => () => {} };

/**
 * The members of a group, with the extension for groups. Loads the first page when the component is mounted;
 * `conversation.members.loadMore()` loads the next one. Follows each change of the members.
 */
export function useMembers(conversation: FullConversation | undefined): MembersSnapshot {
  const members = conversation?.members;
  const snapshot = useObservable<MembersSnapshot>(members ?? NO_MEMBERS);
  useEffect(() => {
    // Without a connection they are loaded by the next mount, or by `loadMore`.
    if (members?.get().members.length === 0) members.loadMore().catch(() => {});
  }, [members]);
  return snapshot;
}

/** A conversation as the list shows it, with the extension for groups: title, role, settings, counts. */
export function useConversationInfo(conversation: FullConversation | undefined): ConversationSnapshot | undefined {
  return useObservable<ConversationSnapshot | undefined>(conversation?.info ?? NO_INFO);
}
