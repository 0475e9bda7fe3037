import type { UnreadCount } from '@chat-cluster/contracts';
import type { ChatSocket } from '../chat-socket.ts';

/**
 * Watches the badges that are emitted to a socket while an unread count is being read for it. A badge emitted meanwhile
 * is the valid one: it comes from a recount of committed state, and each later change causes another badge. The count
 * that is being read may be older; emitted afterwards, it would replace the newer badge on the device.
 */
export function watchBadges(socket: ChatSocket): { emitted(): UnreadCount | undefined; [Symbol.dispose](): void } {
  let last: UnreadCount | undefined;
  const watch = (event: string, payload: unknown) => {
    if (event === 'unread_count') last = payload as UnreadCount;
  };
  socket.onAnyOutgoing(watch);
  return {
    emitted: () => last,
    [Symbol.dispose]() {
      socket.offAnyOutgoing(watch);
      // Without an argument it also frees the empty list of listeners: 150 bytes per idle connection.
      if (socket.listenersAnyOutgoing().length === 0) socket.offAnyOutgoing();
    },
  };
}
