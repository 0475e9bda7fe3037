import { Rejection } from '@chat-cluster/contracts';
import type { PresenceEvents } from './presence-events.ts';

/** In place of {@link PresenceEvents} with PRESENCE=off: no user is announced, and `watch_presence` is FORBIDDEN. */
export const noPresence: Pick<PresenceEvents, 'attach' | 'detach' | 'watch' | 'unwatch' | 'onBlockChange' | 'onLeft'> =
  {
    attach() {},
    detach() {},
    async watch() {
      throw new Rejection('FORBIDDEN', { message: 'Presence is off on this server.' });
    },
    unwatch: async () => ({ ok: true }),
    onBlockChange() {},
    onLeft() {},
  };
