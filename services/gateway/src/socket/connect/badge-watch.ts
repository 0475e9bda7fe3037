import type { UnreadCount } from '@chat-cluster/contracts';
import type { ChatSocket } from '../chat-socket.ts';

/**
 * Watches the badges that are emitted to a socket while an unread count is being read for it. Such a badge comes from a
 * recount of committed state, and any change that it misses is followed by another badge. The count of the reader may
 * be older and would stay if it were emitted afterwards. So the badge that passed is the valid one.
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
      // Without an argument it also frees the empty list of listeners: 150 bytes per idle connection.
      if (socket.listenersAnyOutgoing().length === 0) socket.offAnyOutgoing();
    },
  };
}
