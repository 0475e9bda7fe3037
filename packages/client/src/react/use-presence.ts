import { useMemo, useSyncExternalStore } from 'react';
import type { ChatClient, ChatEvents } from '../types.ts';
import { useChatClient } from './provider.ts';

/** The presence of each watched user, by user id. undefined: not known yet. */
export type PresenceOfUsers = Readonly<Record<string, ChatEvents['presence'] | undefined>>;

/** Watches users while the component is mounted. Another array with the same users watches nothing anew. */
export function usePresence(userIds: readonly string[]): PresenceOfUsers {
  const client = useChatClient();
  // User ids contain no control characters.
  const key = userIds.join('\n');
  const { subscribe, get } = useMemo(() => presenceStore(client, key === '' ? [] : key.split('\n')), [client, key]);
  return useSyncExternalStore(subscribe, get, get);
}

function presenceStore(client: ChatClient, userIds: readonly string[]) {
  const read = (): PresenceOfUsers => Object.fromEntries(userIds.map((userId) => [userId, client.presenceOf(userId)]));
  let last = read();
  return {
    subscribe(listener: () => void): () => void {
      // Another user, who may not see the same, has another status.
      const offs = [client.on('presence', listener), client.on('status', listener)];
      const watches = userIds.length > 0 && client.status.state !== 'closed';
      const unwatch = watches ? client.watch(userIds) : undefined;
      return () => {
        for (const off of offs) off();
        unwatch?.();
      };
    },
    /** The same object until the presence of one of these users changes. */
    get(): PresenceOfUsers {
      const next = read();
      if (userIds.some((userId) => next[userId] !== last[userId])) last = next;
      return last;
    },
  };
}
