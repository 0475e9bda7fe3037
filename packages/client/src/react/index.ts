export { useBadge, useChatStatus, useConversations, useCounts, useOutbox } from './client-hooks.ts';
export { ChatProvider, useChatClient } from './provider.ts';
export { useBlocks } from './use-blocks.ts';
export { type OpenedConversation, useConversation } from './use-conversation.ts';
export { useConversationInfo, useMembers } from './use-members.ts';
export { useMessages } from './use-messages.ts';
export { type PresenceOfUsers, usePresence } from './use-presence.ts';
export { useTyping } from './use-typing.ts';
