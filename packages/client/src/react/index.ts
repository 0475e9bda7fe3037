export { useBadge, useChatStatus, useConversations, useOutbox } from './client-hooks.ts';
export { ChatProvider, useChatClient } from './provider.ts';
export { type OpenedConversation, useConversation } from './use-conversation.ts';
export { useConversationInfo, useMembers } from './use-members.ts';
export { useMessages } from './use-messages.ts';
export { type PresenceOfUsers, usePresence } from './use-presence.ts';
export { useTyping } from './use-typing.ts';
