import { randomUUID } from 'node:crypto';
import type {
  Attachment,
  ClientMessageId,
  ConversationId,
  Message,
  ReadEntry,
  SendEntry,
  UserId,
} from '@chat-cluster/contracts';
import { type ConversationWrites, type MessageStore, newConversationId, newMessageId } from '@chat-cluster/domain';

/** A message store, and the stored state that tests compare. */
export interface World {
  store: MessageStore;
  /** Entries of groups and changes; only on Postgres. */
  writes: ConversationWrites;
  open(id: ConversationId, users: readonly [UserId] | readonly [UserId, UserId]): Promise<void>;
  /** All messages of a conversation, in order of seq. */
  history(
    id: ConversationId,
  ): Promise<Pick<Message, 'seq' | 'id' | 'senderId' | 'clientMessageId' | 'content' | 'attachments'>[]>;
  /** Read mark of each participant. */
  marks(id: ConversationId): Promise<ReadonlyMap<UserId, number>>;
  /** Unread messages of each user over all conversations. */
  totals(users: readonly UserId[]): Promise<number[]>;
}

/** User ids that no other test uses. */
export function newUsers<N extends string>(...names: N[]): Record<N, UserId> {
  return Object.fromEntries(names.map((name) => [name, `${name}-${randomUUID()}`])) as Record<N, UserId>;
}

/** Creates two users and their conversation. */
export async function newPair(world: World): Promise<{ id: ConversationId; a: UserId; b: UserId }> {
  const { a, b } = newUsers('a', 'b');
  const id = newConversationId();
  await world.open(id, [a, b]);
  return { id, a, b };
}

export function send(
  conversationId: ConversationId,
  senderId: UserId,
  receiverId: UserId,
  { key, content = 'hi', attachments = [] }: { key?: string; content?: string | null; attachments?: Attachment[] } = {},
): SendEntry {
  const id = newMessageId();
  const clientMessageId = (key ?? id) as ClientMessageId;
  return { kind: 'send', id, conversationId, senderId, receiverId, clientMessageId, content, attachments };
}

export function read(
  conversationId: ConversationId,
  userId: UserId,
  otherUserId: UserId,
  upToSeq: number | null = null,
): ReadEntry {
  return { kind: 'read', conversationId, userId, otherUserId, upToSeq };
}
