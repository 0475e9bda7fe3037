import { randomUUIDv7 } from 'node:crypto';
import type { ConversationId, MessageId } from '@chat-cluster/contracts';

/** UUIDv7: ids grow with time, so rows that are inserted together are neighbours in an index. */
export function newMessageId(): MessageId {
  return randomUUIDv7() as MessageId;
}

export function newConversationId(): ConversationId {
  return randomUUIDv7() as ConversationId;
}
