import { Rejection, type SyncAck, type UnreadCount } from '@chat-cluster/contracts';
import { type SyncPorts, sync } from '@chat-cluster/domain';
import { withDeadline } from '@chat-cluster/runtime';
import { watchBadges } from '../connect/badge-watch.ts';
import type { ChatSocket } from '../server.ts';
import type { Handlers } from './dispatch.ts';

export interface SyncEventDeps extends SyncPorts {
  /** Resolves when emits to the room reach this gateway. */
  subscribed(room: string): Promise<void>;
}

/** While Redis is away the answer does not wait for it: the socket hears `sync_required` when its room is subscribed. */
const SUBSCRIBED_DEADLINE_MS = 1_000;

/** Syncs of one socket that wait for their turn; past it RATE_LIMITED. */
const MAX_IN_LINE = 10;

/**
 * `sync`: committed state read after Redis has confirmed the room, so nothing falls between the answer and the events.
 * One at a time per socket: an answer is the dearest thing a client can ask for, and nobody may ask for thousands at once.
 */
export function syncEvent(deps: SyncEventDeps): Pick<Handlers, 'sync'> {
  const lines = new WeakMap<ChatSocket, Line>();
  return {
    sync(userId, question, socket) {
      const line = lines.get(socket) ?? { length: 0, last: Promise.resolve() };
      lines.set(socket, line);
      return inTurn(line, async () => {
        await withDeadline(deps.subscribed(userId), SUBSCRIBED_DEADLINE_MS, 'subscription').catch(() => {});
        using badges = watchBadges(socket);
        const answer = await sync(deps, userId, question);
        const passed = badges.passed();
        return passed ? { ...answer, unread: newer(answer.unread, passed) } : answer;
      });
    },
  };
}

interface Line {
  length: number;
  last: Promise<unknown>;
}

async function inTurn<T>(line: Line, work: () => Promise<T>): Promise<T> {
  if (line.length >= MAX_IN_LINE) throw new Rejection('RATE_LIMITED', { retryAfterMs: 1_000 });
  line.length++;
  const result = line.last.then(work).finally(() => line.length--);
  line.last = result.catch(() => {});
  return result;
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
