import type { UnreadCount } from '@chat-cluster/contracts';
import type { ChatSocket } from '../server.ts';

/**
 * Watches the badges that pass to a socket while an unread count is being read for it. A badge that passes comes from a
 * recount of committed state, and whatever it did not see yet is followed by another; a count of our own, read meanwhile
 * and sent after it, could be older and would stay. So then the badge that passed is the one to trust.
 */
export function watchBadges(socket: ChatSocket): { passed(): UnreadCount | undefined; [Symbol.dispose](): void } {
  let last: UnreadCount | undefined;
  const watch = (event: string, payload: unknown) => {
    if (event === 'unread_count') last = payload as UnreadCount;
  };
  socket.onAnyOutgoing(watch);
  return {
    passed: () => last,
    [Symbol.dispose]() {
      socket.offAnyOutgoing(watch);
      // The room of the list that was is given back: 150 bytes of each idle connection.
      if (socket.listenersAnyOutgoing().length === 0) socket.offAnyOutgoing();
    },
  };
}
