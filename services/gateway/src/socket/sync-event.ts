import type { SyncAck, UnreadCount } from '@chat-cluster/contracts';
import { type SyncPorts, sync } from '@chat-cluster/domain';
import { withDeadline } from '@chat-cluster/runtime';
import { watchBadges } from './badge-watch.ts';
import type { Handlers } from './dispatch.ts';

export interface SyncEventDeps extends SyncPorts {
  /** Resolves when emits to the room reach this gateway. */
  subscribed(room: string): Promise<void>;
}

/** While Redis is away the answer does not wait for it: the socket hears `sync_required` when its room is subscribed. */
const SUBSCRIBED_DEADLINE_MS = 1_000;

/** `sync`: committed state read after Redis has confirmed the room, so nothing falls between the answer and the events. */
export function syncEvent(deps: SyncEventDeps): Pick<Handlers, 'sync'> {
  return {
    async sync(userId, question, socket) {
      await withDeadline(deps.subscribed(userId), SUBSCRIBED_DEADLINE_MS, 'subscription').catch(() => {});
      using badges = watchBadges(socket);
      const answer = await sync(deps, userId, question);
      const passed = badges.passed();
      return passed ? { ...answer, unread: newer(answer.unread, passed) } : answer;
    },
  };
}

function newer(read: SyncAck['unread'], { count, conversations = [] }: UnreadCount): SyncAck['unread'] {
  const counts = new Map([...read.conversations, ...conversations].map((one) => [one.conversationId, one.count]));
  return {
    count,
    conversations: [...counts]
      .filter(([, unread]) => unread > 0)
      .map(([conversationId, unread]) => ({ conversationId, count: unread })),
  };
}
