import { useCallback } from 'react';
import type { ClusterSource } from '../data/cluster-source.ts';
import { userLink } from '../data/page-route.ts';
import { LookupPanel } from './lookup-panel.tsx';
import { UserResult } from './user-result.tsx';

interface UserLookupProps {
  source: ClusterSource;
  canAct: boolean;
  /** The user in the address of the page. */
  userId: string | undefined;
}

/** The connections and the read marks of one user. */
export function UserLookup({ source, canAct, userId }: UserLookupProps) {
  const request = useCallback((id: string, signal: AbortSignal) => source.user(id, undefined, signal), [source]);
  return (
    <LookupPanel
      title="User"
      note="Connections, read marks and unread messages of one user"
      anchor="user"
      label="User id"
      placeholder="User id, such as alice"
      maxLength={64}
      id={userId}
      request={request}
      linkOf={userLink}
    >
      {(user, reload) => <UserResult key={user.userId} user={user} source={source} canAct={canAct} onReload={reload} />}
    </LookupPanel>
  );
}
