import { Rejection, type SyncAck, type UnreadCount, type UserId } from '@chat-cluster/contracts';
import { type SyncPorts, sync } from '@chat-cluster/domain';
import { withDeadline } from '@chat-cluster/runtime';
import type { ChatSocket } from '../chat-socket.ts';
import { watchBadges } from '../connect/badge-watch.ts';
import type { Handler } from './dispatch.ts';

export interface SyncDeps extends SyncPorts {
  /** Resolves when emits to the room of the user, and to those of the user's groups, reach this gateway. */
  subscribed(userId: UserId): Promise<void>;
}

/**
 * How long an answer waits for the subscription of the room, in ms. While Redis is down the answer is sent without the
 * subscription, and the socket gets `sync_required` once its room is subscribed (welcome.ts).
 */
const SUBSCRIBED_DEADLINE_MS = 1_000;

/** Syncs of one socket: one under way and nine that wait. Further ones are RATE_LIMITED. */
const MAX_SYNCS = 10;

/**
 * Handler of `sync`: reads committed state after Redis has confirmed the subscription of the room, so there is no gap
 * between the answer and the events. One at a time per socket, since an answer is the most expensive request of a
 * client. If a badge is emitted to the socket during the read, the answer contains it instead (badge-watch.ts).
 */
export function syncHandler(deps: SyncDeps): Handler<'sync'> {
  const queues = new WeakMap<ChatSocket, Queue>();
  return function syncInOrder(userId, question, socket) {
    const queue = queues.get(socket) ?? { length: 0, last: Promise.resolve() };
    queues.set(socket, queue);
    return enqueue(queue, async () => {
      await withDeadline(deps.subscribed(userId), SUBSCRIBED_DEADLINE_MS, 'subscription').catch(() => {});
      using badges = watchBadges(socket);
      const answer = await sync(deps, userId, question);
      const emitted = badges.emitted();
      return emitted ? { ...answer, unread: withBadge(answer.unread, emitted) } : answer;
    });
  };
}

interface Queue {
  length: number;
  last: Promise<unknown>;
}

async function enqueue<T>(queue: Queue, work: () => Promise<T>): Promise<T> {
  if (queue.length >= MAX_SYNCS) throw new Rejection('RATE_LIMITED', { retryAfterMs: 1_000 });
  queue.length++;
  const result = queue.last.then(work).finally(() => queue.length--);
  queue.last = result.catch(() => {});
  return result;
}

function withBadge(read: SyncAck['unread'], { count, conversations = [] }: UnreadCount): SyncAck['unread'] {
  const counts = new Map([...read.conversations, ...conversations].map((one) => [one.conversationId, one.count]));
  return {
    count,
    conversations: [...counts]
      .filter(([, unread]) => unread > 0)
      .map(([conversationId, unread]) => ({ conversationId, count: unread })),
  };
}
