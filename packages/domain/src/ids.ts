import type { ConversationId, MessageId } from '@chat-cluster/contracts';
import { v7 } from 'uuid';

/** UUIDv7: grows with time, so that rows inserted together lie together in an index. */
export function newMessageId(): MessageId {
  return v7() as MessageId;
}

export function newConversationId(): ConversationId {
  return v7() as ConversationId;
}
