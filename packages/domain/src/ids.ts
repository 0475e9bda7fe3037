import { randomUUIDv7 } from 'node:crypto';
import type { ConversationId, MessageId } from '@chat-cluster/contracts';

/** UUIDv7: grows with time, so that rows inserted together lie together in an index. */
export function newMessageId(): MessageId {
  return randomUUIDv7() as MessageId;
}

export function newConversationId(): ConversationId {
  return randomUUIDv7() as ConversationId;
}
