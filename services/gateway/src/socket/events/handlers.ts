import { type Conversations, type Inbox, markRead, submitMessage } from '@chat-cluster/domain';
import type { SessionLifetime } from '../session-lifetime.ts';
import type { Handlers } from './dispatch.ts';
import type { PresenceEvents } from './presence-events.ts';
import { type SyncDeps, syncHandler } from './sync-event.ts';
import { type TypingDeps, typingHandler } from './typing-event.ts';

export interface HandlerDeps extends SyncDeps, TypingDeps {
  /** `GatewayConversations` in services/gateway/src/conversations.ts. */
  conversations: Conversations & TypingDeps['conversations'];
  /** `createInbox` in packages/queue/src/inbox.ts. */
  inbox: Inbox;
  presence: Pick<PresenceEvents, 'watch' | 'unwatch'>;
  sessions: Pick<SessionLifetime, 'refresh'>;
}

/** The handler of each event of a client. `send_message` and `read_messages` resolve after the commit. */
export function createHandlers(deps: HandlerDeps): Handlers {
  return {
    send_message: (userId, draft) => submitMessage(deps, userId, draft),
    read_messages: (userId, mark) => markRead(deps, userId, mark),
    sync: syncHandler(deps),
    typing: typingHandler(deps),
    refresh_token: (userId, payload, socket) => deps.sessions.refresh(userId, payload, socket),
    watch_presence: (_userId, { userIds }, socket) => deps.presence.watch(socket, userIds),
    unwatch_presence: (_userId, { userIds }, socket) => deps.presence.unwatch(socket, userIds),
  };
}
