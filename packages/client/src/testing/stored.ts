import type { ConversationId, Message, Reaction, UserId } from '@chat-cluster/contracts';
import { FakeRejection } from './errors.ts';
import type { Person } from './people.ts';

/*
 * What a fake cluster stores of a conversation.
 */

/** Place of a conversation in the feed: the time of its last activity in ms since 1970, then the order of changes. */
export interface FeedPlace {
  at: number;
  order: number;
}

/** A message, with the users of each reaction and its earlier texts. */
export interface StoredMessage extends Omit<Message, 'reactions' | 'isRead'> {
  reactors: { emoji: string; userIds: UserId[] }[];
  versions: { content: string | null; editedAt: string; editedBy: UserId; changeId: string | undefined }[];
}

export interface StoredConversation {
  id: ConversationId;
  kind: 'direct' | 'group';
  /** Empty for a direct conversation. */
  title: string;
  createdAt: string;
  messages: StoredMessage[];
  people: Person[];
  lastRev: number;
  /** Time and order of the last message, or of the opening. */
  updated: FeedPlace;
  /** The same, or that of a later read mark or change. */
  activity: FeedPlace;
}

/** The ids of those who are in the conversation now. */
export function idsOf({ people }: StoredConversation): UserId[] {
  return people.filter(({ role }) => role !== null).map(({ userId }) => userId);
}

export function personOf({ people }: StoredConversation, userId: UserId): Person {
  const person = people.find((one) => one.userId === userId);
  if (!person) throw new FakeRejection('CONVERSATION_NOT_FOUND');
  return person;
}

/** The message as it is now: `isRead` follows the mark of its receiver. `userId`: marks the reactions of this user. */
export function shown(conversation: StoredConversation, stored: StoredMessage, userId?: UserId): Message {
  const { reactors, versions, ...message } = stored;
  const { receiverId } = message;
  const isRead = receiverId !== undefined && message.seq <= personOf(conversation, receiverId).upToSeq;
  const reactions = reactionsOf(stored, userId);
  return structuredClone({ ...message, isRead, ...(reactions.length > 0 && { reactions }) });
}

export function reactionsOf({ reactors }: StoredMessage, userId?: UserId): Reaction[] {
  return reactors.map(({ emoji, userIds }) => ({
    ...{ emoji, count: userIds.length },
    ...(userId !== undefined && userIds.includes(userId) && { mine: true }),
  }));
}

/** The other participant of a direct conversation. */
export function otherOf({ people }: StoredConversation, userId: UserId): Person {
  return people.find((one) => one.userId !== userId) ?? (people[0] as Person);
}

export function iso(at: number): string {
  return new Date(at).toISOString();
}
