import type { ConversationSummary, Group, GroupOfMember, SyncedConversation, UserId } from '@chat-cluster/contracts';
import { type Person, SMALL_GROUP, sees, settingsOf } from './people.ts';
import { idsOf, iso, otherOf, personOf, type StoredConversation, type StoredMessage, shown } from './stored.ts';

/*
 * A conversation as its users see it.
 */

export type ReadMark = SyncedConversation['readMarks'][number];

/** Changed messages in one ack of `sync`. */
const CHANGES = 100;

export interface SyncedRequest {
  afterSeq: number;
  afterRev: number | undefined;
  count: number;
}

/** What a sync returns of a conversation: at most `count` messages after `afterSeq`, and changes after `afterRev`. */
export function syncedView(
  userId: UserId,
  conversation: StoredConversation,
  request: SyncedRequest,
): SyncedConversation {
  const { afterSeq, afterRev, count } = request;
  const person = personOf(conversation, userId);
  const visible = conversation.messages.filter(({ seq }) => sees(person, seq));
  const later = visible.filter(({ seq }) => seq > afterSeq);
  const page = later.slice(0, count);
  const changed = visible
    .filter(({ seq, rev = 0 }) => seq <= afterSeq && rev > (afterRev ?? 0))
    .sort((a, b) => (a.rev ?? 0) - (b.rev ?? 0));
  const changes = changed.slice(0, CHANGES);
  const hasMoreChanges = changed.length > changes.length;
  const deliveredMarks = marked(userId, conversation)
    .filter(({ deliveredUpTo, upToSeq }) => deliveredUpTo > upToSeq)
    .map(({ userId, deliveredUpTo }) => ({ userId, upToSeq: deliveredUpTo }));
  const show = (message: StoredMessage) => shown(conversation, message, userId);
  return {
    id: conversation.id,
    messages: page.map(show),
    lastSeq: lastSeqOf(conversation, person),
    hasMore: later.length > page.length,
    readMarks: readMarksOf(userId, conversation),
    ...(deliveredMarks.length > 0 && { deliveredMarks }),
    ...(afterRev !== undefined && {
      changed: changes.map(show),
      lastRev: hasMoreChanges ? (changes.at(-1)?.rev ?? 0) : conversation.lastRev,
      ...(hasMoreChanges && { hasMoreChanges }),
    }),
    ...(conversation.kind === 'group' && { group: groupOf(conversation, person) }),
    ...settingsOf(person),
  };
}

/** The conversation as the list of a user shows it. */
export function summaryView(userId: UserId, conversation: StoredConversation): ConversationSummary {
  const { id, kind, messages, updated, lastRev } = conversation;
  const person = personOf(conversation, userId);
  const last = messages.findLast(({ seq }) => sees(person, seq));
  const { count, mentionCount } = unreadIn(userId, conversation);
  return {
    id,
    ...(kind === 'direct'
      ? { otherUserId: otherOf(conversation, userId).userId }
      : { group: groupOf(conversation, person) }),
    lastMessage: last ? shown(conversation, last, userId) : null,
    unreadCount: count,
    ...(mentionCount > 0 && { mentionCount }),
    lastSeq: lastSeqOf(conversation, person),
    ...(lastRev > 0 && { lastRev }),
    ...settingsOf(person),
    updatedAt: person.role === null && last ? last.createdAt : iso(updated.at),
  };
}

/** How far each participant has read; in a group of more than 32 members only the user. */
export function readMarksOf(userId: UserId, conversation: StoredConversation): ReadMark[] {
  return marked(userId, conversation).map(markOf);
}

export function groupView(userId: UserId, conversation: StoredConversation): Group {
  const person = personOf(conversation, userId);
  const { id, createdAt } = conversation;
  return { id, kind: 'group', createdAt, lastSeq: lastSeqOf(conversation, person), ...groupOf(conversation, person) };
}

/** Messages of others after the read mark of the user, and those that mention the user. A former member has none. */
export function unreadIn(userId: UserId, conversation: StoredConversation): { count: number; mentionCount: number } {
  const person = personOf(conversation, userId);
  if (person.role === null) return { count: 0, mentionCount: 0 };
  const unread = conversation.messages.filter(
    ({ seq, senderId, system, deletedAt }) =>
      seq > person.upToSeq && senderId !== userId && !system && !deletedAt && sees(person, seq),
  );
  const mentioning = unread.filter(({ mentions, mentionsAll }) => mentionsAll || mentions?.includes(userId));
  return { count: unread.length, mentionCount: mentioning.length };
}

/** Those whose marks the user sees. */
function marked(userId: UserId, { people }: StoredConversation): Person[] {
  const members = people.filter(({ role }) => role !== null);
  return members.length <= SMALL_GROUP ? members : members.filter((one) => one.userId === userId);
}

function groupOf(conversation: StoredConversation, { role, left, windows }: Person): GroupOfMember {
  const { title, memberCount } = (role === null && left) || {
    title: conversation.title,
    memberCount: idsOf(conversation).length,
  };
  return { title, role, memberCount, windows: structuredClone(windows) };
}

/** The last entry that the user may see. */
function lastSeqOf({ messages }: StoredConversation, { role, windows }: Person): number {
  return role === null ? (windows.at(-1)?.toSeq ?? 0) : messages.length;
}

export function markOf({ userId, upToSeq, readAt }: Person): ReadMark {
  return { userId, upToSeq, readAt };
}
