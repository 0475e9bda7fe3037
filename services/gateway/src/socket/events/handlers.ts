import { changeMessage, markRead, type SubmitPorts, submitMessage } from '@chat-cluster/domain';
import type { Blocks } from '../../blocks.ts';
import { editOf } from '../../message-edit.ts';
import type { UserGroups } from '../../user-groups.ts';
import type { UserSettings } from '../../user-settings.ts';
import type { SessionLifetime } from '../session-lifetime.ts';
import type { Handlers } from './dispatch.ts';
import type { PresenceEvents } from './presence-events.ts';
import { type SyncDeps, syncHandler } from './sync-event.ts';
import { type TypingDeps, typingHandler } from './typing-event.ts';

export interface HandlerDeps extends SyncDeps, TypingDeps, Pick<SubmitPorts, 'inbox' | 'quotes'> {
  /** `GatewayConversations` in services/gateway/src/conversations.ts. */
  conversations: SubmitPorts['conversations'] & TypingDeps['conversations'];
  groups: UserGroups;
  settings: UserSettings;
  blocks: Pick<Blocks, 'set'>;
  presence: Pick<PresenceEvents, 'watch' | 'unwatch'>;
  sessions: Pick<SessionLifetime, 'refresh'>;
}

/** The handler of each event of a client. Those that store something resolve after the commit. */
export function createHandlers(deps: HandlerDeps): Handlers {
  const { groups, settings, blocks, presence } = deps;
  return {
    send_message: (userId, draft) => submitMessage(deps, userId, draft),
    read_messages: (userId, mark) => markRead(deps, userId, mark),
    sync: syncHandler(deps),
    edit_message: async (userId, edit) => changed(await changeMessage(deps, userId, edit, editOf(edit))),
    delete_message: async (userId, at) => changed(await changeMessage(deps, userId, at, { type: 'delete' })),
    set_reaction: async (userId, { emoji, on, ...at }) =>
      changed(await changeMessage(deps, userId, at, { type: 'react', emoji, on })),
    mark_delivered: async (userId, { conversations }) => {
      await settings.markDelivered(userId, conversations);
      return { ok: true };
    },
    create_group: async (userId, group) => ({ ok: true, group: await groups.create(userId, group) }),
    change_group: async (userId, { conversationId, change, changeId }) => ({
      ok: true,
      group: await groups.change(userId, conversationId, change, changeId),
    }),
    set_conversation: async (userId, { conversationId, settings: wanted }) => ({
      ok: true,
      settings: await settings.setConversation(userId, conversationId, wanted),
    }),
    set_block: async (userId, { userId: other, blocked }) => {
      await blocks.set(userId, other, blocked);
      return { ok: true };
    },
    typing: typingHandler(deps),
    refresh_token: (userId, payload, socket) => deps.sessions.refresh(userId, payload, socket),
    watch_presence: (_userId, { userIds }, socket) => presence.watch(socket, userIds),
    unwatch_presence: (_userId, { userIds }, socket) => presence.unwatch(socket, userIds),
  };
}

function changed(message: object): object {
  return { ok: true, message };
}
