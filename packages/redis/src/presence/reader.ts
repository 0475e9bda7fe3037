import type { UserId } from '@chat-cluster/contracts';
import type { RedisClient } from '../connection/connection.ts';
import { HIDDEN_USERS } from './hidden-users.ts';
import { createPresenceStore } from './store.ts';

/** The presence in Redis for a process that has no connections of users. */
export interface PresenceReader {
  /**
   * Those of the users who are connected to a gateway, or were when it died; all of them while a gateway does not
   * announce its users. Rejects while Redis does not respond.
   */
  connectedAmong(userIds: readonly UserId[]): Promise<UserId[]>;
}

export function createPresenceReader(cache: RedisClient): PresenceReader {
  const store = createPresenceStore(cache, 'reader');
  return {
    async connectedAmong(userIds) {
      const [hidden, ...holdings] = await store.read([HIDDEN_USERS, ...userIds]);
      if (hidden && hidden.gateways.length > 0) return [...userIds];
      return userIds.filter((_, i) => (holdings[i]?.gateways.length ?? 0) > 0);
    },
  };
}
