import type { ConversationId, ConversationSummary, SyncedConversation } from '@chat-cluster/contracts';
import type { ConversationState } from './conversation-state.ts';

/** What an extension does inside of the core. Without one, groups are ignored. */
export interface CoreExtension {
  /** What a sync requests of a conversation, beside its messages. */
  requested(id: ConversationId): object;
  /** A list or a sync shows a conversation, whose state has taken in the messages. */
  shows(state: ConversationState, entry: ConversationSummary | SyncedConversation): void;
}
