/*
 * Longer than 250 lines on purpose: one table of all queries.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ClientMessageId, SendEntry, StoreEpoch, UserId } from '@chat-cluster/contracts';
import { newConversationId, newMessageId } from '@chat-cluster/domain';
import type { Database } from '@chat-cluster/postgres';
import { freshDatabase } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { type Compilable, type RawBuilder, sql } from 'kysely';
import { conversationsQuery, groupConversationsQuery } from '../src/conversation-list.ts';
import {
  findConversationQuery,
  haveConversationsQuery,
  membershipsQuery,
  openConversationQuery,
  participantsQuery,
  smallGroupsQuery,
} from '../src/conversation-store.ts';
import {
  countDeadLettersQuery,
  dropDeadLettersQuery,
  findDeadLettersQuery,
  keepDeadLettersQuery,
  newestDeadLettersQuery,
} from '../src/dead-letters.ts';
import { feedsQuery, groupFeedsQuery } from '../src/feed.ts';
import {
  changesQuery,
  membersPageQuery,
  ownReactionsQuery,
  reactorsQuery,
  readersQuery,
  versionsQuery,
} from '../src/group-reads.ts';
import { directConversationQuery, groupHeadsQuery, headsQuery, rangesQuery, sentQuery } from '../src/history.ts';
import { endMarkedUnreadQuery, markReadQuery } from '../src/mark-read.ts';
import {
  healMembersQuery,
  memberCountsOfQuery,
  memberCountsOfUserQuery,
  memberCountsQuery,
} from '../src/member-audit.ts';
import type { MessageRow } from '../src/message-row.ts';
import { conversationStateQuery, findMessageQuery, serverFiguresQuery } from '../src/operator-queries.ts';
import { deletedQuotesQuery, emptyQuotesQuery } from '../src/quotes.ts';
import {
  areBlockedQuery,
  blockedByQuery,
  blockQuery,
  markDeliveredQuery,
  setConversationQuery,
  unblockQuery,
} from '../src/settings.ts';
import { storeCheckingResendsQuery } from '../src/store-checking-resends.ts';
import { countBeatQuery, epochQuery, renewEpochQuery } from '../src/store-epochs.ts';
import { storeFreshQuery } from '../src/store-fresh.ts';
import {
  addRevocationQuery,
  changedRevocationsQuery,
  countRevocationsQuery,
  purgeRevocationsQuery,
  revocationOfUserQuery,
} from '../src/token-revocations.ts';
import {
  countersAfterQuery,
  countersOfQuery,
  countersOfUserQuery,
  countRangesQuery,
  healCountersQuery,
} from '../src/unread-audit.ts';
import {
  recountQuery,
  recountWithGroupsQuery,
  summariesQuery,
  summariesWithGroupsQuery,
} from '../src/unread-counts.ts';
import {
  type ConversationState,
  groupViewsQuery,
  lockConversationQuery,
  membersWhoSeeQuery,
  roleQuery,
  saveGroupQuery,
  saveRevisionQuery,
} from '../src/writes/conversation-state.ts';
import { storedChangesQuery } from '../src/writes/conversation-writes.ts';
import {
  countGroupsQuery,
  createGroupQuery,
  earlierEntryQuery,
  endMembershipQuery,
  ensureUserGroupsQuery,
  firstSinceQuery,
  fullOfWindowsQuery,
  lockUserGroupsQuery,
  openWindowsQuery,
  ownersQuery,
  promoteSuccessorQuery,
  setRoleQuery,
  takeWindowsQuery,
  writeEntryQuery,
  writeMembersQuery,
} from '../src/writes/group-changes.ts';
import { moveGroupMarksQuery } from '../src/writes/group-read-marks.ts';
import { lookUpSendsQuery, storeGroupSendsQuery } from '../src/writes/group-sends.ts';
import { memberListQuery, membersSeqQuery } from '../src/writes/member-lists.ts';
import {
  clearReactionQuery,
  countMentionsQuery,
  deleteQuery,
  editQuery,
  findToChangeQuery,
  saveReactionsQuery,
  setReactionQuery,
  uncountDirectQuery,
  uncountInGroupQuery,
  versionsOfQuery,
} from '../src/writes/message-changes.ts';
import { changeEntry, sendEntry } from './group-world.ts';

/**
 * The SQL that is sent to Postgres, one file per query in `packages/postgres/sql`, for reviewers and DBAs. After an
 * intended change of a query, `UPDATE_SQL=1 npm test -- packages/postgres/test/sql.test.ts` rewrites the files.
 */
const folder = new URL('../sql/', import.meta.url);

type Query = Compilable | RawBuilder<unknown>;

/** `of` builds the query for `n` items, if it takes a list. */
const queries: Record<string, { what: string; readsNothing?: true; of(db: Database, n: number): Query }> = {
  'store-fresh': {
    what: 'Stores a batch of sends, none of them a resend: seq, rows and counters in one statement.',
    of: (_db, n) => storeFreshQuery(Array.from({ length: n }, newSend)).statement,
  },
  'store-fresh-extras': {
    what: 'As store-fresh, when a send has a reply or mentions.',
    of: (_db, n) =>
      storeFreshQuery(Array.from({ length: n }, (_, i) => ({ ...newSend(_, i), mentions: [newUser()] }))).statement,
  },
  'group-conversations': {
    what: 'A page of the groups of a user, newest activity first.',
    of: (_db, n) => groupConversationsQuery(newUser(), n, { updatedAt: 'infinity', id: newConversationId() }),
  },
  'group-feeds': {
    what: 'The groups of some users with activity after a position, oldest activity first.',
    of: (_db, n) =>
      groupFeedsQuery(
        Array.from({ length: n }, () => ({
          userId: newUser(),
          after: { activityAt: 0, id: newConversationId() },
          limit: n,
        })),
      ),
  },
  'group-heads': {
    what: 'Some groups with their read marks, for users who are or were members.',
    of: (_db, n) => groupHeadsQuery(Array.from({ length: n }, newRequest)),
  },
  memberships: {
    what: 'Some groups as a member, or former member, may use them.',
    of: (_db, n) => membershipsQuery(Array.from({ length: n }, newRequest)),
  },
  'small-groups': {
    what: 'The members of some groups, if they are few.',
    of: (_db, n) => smallGroupsQuery(Array.from({ length: n }, newConversationId)),
  },
  'group-views': {
    what: 'A group as some users see it.',
    of: (_db, n) => groupViewsQuery(newConversationId(), newUsers(n)),
  },
  'members-page': {
    what: 'A page of the members of a group, for a member.',
    of: (_db, n) => membersPageQuery(newUser(), newConversationId(), n, ''),
  },
  'message-versions': {
    what: 'Versions of a message before its edits.',
    of: () => versionsQuery(newConversationId(), 1),
  },
  reactors: {
    what: 'Users who reacted to a message with an emoji.',
    of: (_db, n) => reactorsQuery(newConversationId(), 1, ':x:', n),
  },
  readers: {
    what: 'Members who have read a message.',
    of: (_db, n) => readersQuery(newConversationId(), 1, n),
  },
  'own-reactions': {
    what: 'Reactions of a user to some messages.',
    of: (_db, n) =>
      ownReactionsQuery(
        newUser(),
        newConversationId(),
        Array.from({ length: n }, (_, i) => i),
      ),
  },
  'changed-messages': {
    what: 'Messages of a conversation that have changed, by the number of their change.',
    of: (_db, n) => changesQuery(newConversationId(), 1, 9, n),
  },
  'set-conversation': {
    what: 'Changes the settings of a user for a conversation.',
    of: () => setConversationQuery(newUser(), newConversationId(), { muted: true }),
  },
  block: { what: 'Blocks a user.', readsNothing: true, of: () => blockQuery(newUser(), newUser()) },
  unblock: { what: 'Ends the block of a user.', of: () => unblockQuery(newUser(), newUser()) },
  'blocked-by': { what: 'The users that a user has blocked.', of: () => blockedByQuery(newUser()) },
  'are-blocked': {
    what: 'Of which pairs of users one has blocked the other.',
    of: (_db, n) => areBlockedQuery(Array.from({ length: n }, () => [newUser(), newUser()] as const)),
  },
  'mark-delivered': {
    what: 'Moves the delivered marks of a user forward.',
    of: (_db, n) =>
      markDeliveredQuery(
        newUser(),
        Array.from({ length: n }, () => [newConversationId(), 1] as const),
      ),
  },
  'lock-conversation': {
    what: 'Locks a conversation for writes of groups and changes.',
    of: () => lockConversationQuery(newConversationId()),
  },
  'save-group': { what: 'Writes the state of a group after a change of it.', of: () => saveGroupQuery(STATE) },
  'save-revision': { what: 'Writes the number of the last change of a message.', of: () => saveRevisionQuery(STATE) },
  roles: { what: 'Roles of some users in a group.', of: (_db, n) => roleQuery(STATE.id, newUsers(n)) },
  'member-list': { what: 'All members of a group.', of: () => memberListQuery(STATE.id) },
  'members-seq': {
    what: 'The last change of the members of some groups.',
    of: (_db, n) => membersSeqQuery(Array.from({ length: n }, newConversationId)),
  },
  'store-group-sends': {
    what: 'Stores messages of one group: a row of the conversation, of each message, of each sender and mentioned member.',
    of: (_db, n) => {
      const sends = Array.from({ length: n }, () => sendEntry(STATE.id, newUser(), 'hello'));
      return storeGroupSendsQuery(STATE.id, { userIds: [], membersSeq: 1, has: () => true }, sends).statement;
    },
  },
  'look-up-group-sends': {
    what: 'Roles of the senders of some messages, and earlier messages with the same keys.',
    of: (_db, n) => lookUpSendsQuery(Array.from({ length: n }, () => sendEntry(STATE.id, newUser(), 'hello'))),
  },
  'move-group-marks': {
    what: 'Moves read marks in a group forward.',
    of: (_db, n) =>
      moveGroupMarksQuery(
        STATE.id,
        newUsers(n),
        Array.from({ length: n }, () => null),
      ),
  },
  'create-group': { what: 'Creates a group.', readsNothing: true, of: () => createGroupQuery(STATE) },
  'earlier-entry': {
    what: 'The entry of an earlier change with the same key.',
    of: () => earlierEntryQuery(STATE.id, newUser(), 'key'),
  },
  sent: {
    what: 'The message that a user has sent with a client message id.',
    of: () => sentQuery(newUser(), STATE.id, 'key' as ClientMessageId),
  },
  'stored-changes': {
    what: 'Which changes of a group an earlier run has stored.',
    of: (_db, n) =>
      storedChangesQuery(
        STATE.id,
        Array.from({ length: n }, () => changeEntry(STATE.id, newUser(), { type: 'leave' })),
      ),
  },
  'ensure-user-groups': {
    what: 'Makes the rows that count the groups of some users.',
    readsNothing: true,
    of: (_db, n) => ensureUserGroupsQuery(newUsers(n)),
  },
  'lock-user-groups': {
    what: 'Numbers of groups of some users, locked.',
    of: (_db, n) => lockUserGroupsQuery(newUsers(n)),
  },
  'count-groups': {
    what: 'Counts a group more, or less, for some users.',
    of: (_db, n) => countGroupsQuery(newUsers(n), 1),
  },
  'first-since': {
    what: 'The first message of a conversation since a time.',
    of: () => firstSinceQuery(STATE.id, '2026-01-01T00:00:00.000Z', 9),
  },
  'write-members': {
    what: 'Makes users members of a group.',
    readsNothing: true,
    of: (_db, n) =>
      writeMembersQuery(
        STATE.id,
        newUsers(n),
        Array.from({ length: n }, () => 'member' as const),
        1,
        0,
      ),
  },
  'full-of-windows': {
    what: 'A user who was a member too often to get another window.',
    of: (_db, n) => fullOfWindowsQuery(STATE.id, newUsers(n), 1),
  },
  'take-windows': {
    what: 'Removes windows that a new one joins.',
    of: (_db, n) => takeWindowsQuery(STATE.id, newUsers(n), 1),
  },
  'open-windows': {
    what: 'Opens windows of new members.',
    readsNothing: true,
    of: (_db, n) =>
      openWindowsQuery(
        STATE.id,
        newUsers(n),
        Array.from({ length: n }, () => 1),
      ),
  },
  'end-membership': {
    what: 'Ends the membership of a user and its window.',
    of: () => endMembershipQuery(STATE, newUser(), 9),
  },
  'promote-successor': {
    what: 'Makes the oldest admin, else the oldest member, the owner of a group that has none.',
    of: () => promoteSuccessorQuery(STATE.id),
  },
  owners: { what: 'Two owners of a group.', of: () => ownersQuery(STATE.id) },
  'set-role': { what: 'Sets the role of a member.', of: () => setRoleQuery(STATE.id, newUser(), 'admin') },
  'write-entry': {
    what: 'Writes an entry about the group itself.',
    readsNothing: true,
    of: () => writeEntryQuery(STATE, changeEntry(STATE.id, newUser(), { type: 'leave' }), { type: 'left' }),
  },
  'find-to-change': {
    what: 'A message to change, with the right of the user to see it.',
    of: () => findToChangeQuery(STATE.id, newUser(), 1),
  },
  'members-who-see': {
    what: 'The members who may see a message.',
    of: () => membersWhoSeeQuery(STATE.id, 1),
  },
  'last-version': {
    what: 'The last version of a message, and whether a change was made before.',
    of: () => versionsOfQuery(STATE.id, 1, newUser(), 'key'),
  },
  edit: {
    what: 'Edits a message, and keeps the version before.',
    of: () => editQuery(newRow(), { version: 1, content: 'before', by: newUser(), changeId: 'key' }),
  },
  'count-mentions': {
    what: 'Counts a mention more, or less, for members who have not read the message.',
    of: (_db, n) => countMentionsQuery(newRow(), newUsers(n), 1),
  },
  delete: { what: 'Removes the content of a message, its versions and reactions.', of: () => deleteQuery(newRow()) },
  'empty-quotes': {
    what: 'Removes the text of a deleted message from the replies that quote it.',
    of: () => emptyQuotesQuery(STATE.id, 1),
  },
  'deleted-quotes': {
    what: 'Which of the messages that some replies quote are deleted.',
    of: (_db, n) =>
      deletedQuotesQuery(
        Array.from({ length: n }, (_, i) => ({
          conversationId: newConversationId(),
          replyTo: { seq: i + 1, senderId: newUser(), text: null },
        })),
      ),
  },
  'uncount-direct': {
    what: 'Takes a deleted message off the counter of its receiver.',
    of: () => uncountDirectQuery(newRow()),
  },
  'uncount-in-group': {
    what: 'Notes a deleted message of a group, and returns the members who have not read it.',
    of: () => uncountInGroupQuery(newRow()),
  },
  'set-reaction': {
    what: 'Sets a reaction.',
    readsNothing: true,
    of: () => setReactionQuery(newRow(), ':x:', newUser()),
  },
  'clear-reaction': { what: 'Clears a reaction.', of: () => clearReactionQuery(newRow(), ':x:', newUser()) },
  'save-reactions': {
    what: 'Writes the counts of the reactions to a message.',
    of: () => saveReactionsQuery(newRow()),
  },
  'store-checking-resends': {
    what: 'Stores a batch of sends where some may be resends: dedupe, seq, rows and counters in one statement.',
    of: (_db, n) => storeCheckingResendsQuery(Array.from({ length: n }, newSend)),
  },
  'mark-read': {
    what: 'Moves a batch of read marks forward, and counts the remaining unread messages.',
    of: (_db, n) => markReadQuery(Array.from({ length: n }, (_, i) => ({ ...newKey(), upToSeq: i % 2 ? i : null }))),
  },
  'end-marked-unread': {
    what: 'Ends the setting markedUnread of direct conversations.',
    of: (_db, n) => endMarkedUnreadQuery(Array.from({ length: n }, () => ({ ...newKey(), upToSeq: null }))),
  },
  'participants-of': {
    what: 'Participants of some conversations.',
    of: (db, n) => participantsQuery(db, Array.from({ length: n }, newConversationId)),
  },
  'open-conversation': {
    what: 'Creates the direct conversation of a pair, or finds it.',
    // n = 1: of a user with oneself.
    of: (_db, n) =>
      openConversationQuery(newConversationId(), 'alice' as UserId, n === 1 ? ('alice' as UserId) : newUser()),
  },
  'find-conversation': {
    what: 'The direct conversation of a pair.',
    of: () => findConversationQuery(newUser(), newUser()),
  },
  'have-conversations': {
    what: 'Which of some pairs of users have a conversation.',
    of: (_db, n) => haveConversationsQuery(Array.from({ length: n }, () => [newUser(), newUser()] as const)),
  },
  'direct-conversation': {
    what: 'The direct conversation of two users, with its last seq and the read mark of each.',
    of: () => directConversationQuery(newUser(), newUser()),
  },
  heads: {
    what: 'Last seq and read marks of some conversations, for users who are in them.',
    of: (_db, n) => headsQuery(Array.from({ length: n }, () => ({ userId: newUser(), id: newConversationId() }))),
  },
  ranges: {
    what: 'Ranges of messages by seq, each message with its receiver.',
    of: (_db, n) =>
      rangesQuery(Array.from({ length: n }, (_, i) => ({ id: newConversationId(), fromSeq: 1, toSeq: i }))),
  },
  conversations: {
    what: 'A page of the conversations of a user, newest activity first.',
    of: (_db, n) => conversationsQuery(newUser(), n, { updatedAt: 'infinity', id: newConversationId() }),
  },
  feeds: {
    what: 'The conversations of some users with activity after a position, oldest activity first.',
    of: (_db, n) =>
      feedsQuery(
        Array.from({ length: n }, (_, i) => ({
          userId: newUser(),
          after: i % 2 ? undefined : { activityAt: 0, id: newConversationId() },
          limit: n,
        })),
      ),
  },
  summaries: {
    what: 'The unread total of some users, with the newest conversations that have unread messages.',
    of: (_db, n) => summariesQuery(Array.from({ length: n }, newUser)),
  },
  recount: {
    what: 'The unread total of some users, with their counts in some conversations.',
    of: (_db, n) => recountQuery(Array.from({ length: n }, newUser), Array.from({ length: n }, newConversationId)),
  },
  'summaries-with-groups': {
    what: 'As summaries, for users with groups or settings.',
    of: (_db, n) => summariesWithGroupsQuery(newUsers(n)),
  },
  'recount-with-groups': {
    what: 'As recount, for users with groups or settings.',
    of: (_db, n) => recountWithGroupsQuery(newUsers(n), Array.from({ length: n }, newConversationId)),
  },
  'keep-dead-letters': {
    what: 'Keeps entries that could not be stored; a letter that exists gets the new reason.',
    readsNothing: true,
    of: (_db, n) =>
      keepDeadLettersQuery(
        Array.from({ length: n }, () => ({
          id: newMessageId(),
          source: 'store' as const,
          reason: '22021',
          attempts: 1,
          entry: '{}',
        })),
      ),
  },
  'newest-dead-letters': {
    what: 'A page of the dead letters, newest first.',
    of: (db, n) => newestDeadLettersQuery(db, n, { at: new Date(), id: newMessageId() }),
  },
  'find-dead-letters': {
    what: 'Some dead letters by id.',
    of: (db, n) => findDeadLettersQuery(db, Array.from({ length: n }, newMessageId)),
  },
  'drop-dead-letters': {
    what: 'Deletes some dead letters.',
    of: (db, n) => dropDeadLettersQuery(db, Array.from({ length: n }, newMessageId)),
  },
  'count-dead-letters': {
    what: 'Number of dead letters, up to a bound.',
    of: (_db, n) => countDeadLettersQuery(n),
  },
  'add-revocation': {
    what: 'Revokes tokens: of a subject the later time is valid, for the longer of two durations.',
    readsNothing: true,
    of: () => addRevocationQuery({ kind: 'user', subject: newUser(), issuedBefore: new Date(), keptMs: 60_000 }),
  },
  'changed-revocations': {
    what: 'Revocations in force that changed since a time.',
    of: (db) => changedRevocationsQuery(db, new Date()),
  },
  'purge-revocations': {
    what: 'Deletes the revocations that have ended.',
    of: () => purgeRevocationsQuery(),
  },
  'revocation-of-user': {
    what: 'The revocation of a user that is in force.',
    of: (db) => revocationOfUserQuery(db, newUser()),
  },
  'count-revocations': {
    what: 'Number of revocations, up to a bound.',
    of: (_db, n) => countRevocationsQuery(n),
  },
  'conversation-state': {
    what: 'Last seq of a conversation, and the read marks of its participants.',
    of: () => conversationStateQuery(newConversationId()),
  },
  'find-message': {
    what: 'A message by its id, for operators; without its content.',
    of: (db) => findMessageQuery(db, newMessageId()),
  },
  'server-figures': {
    what: 'Version and connections of the server.',
    readsNothing: true,
    of: () => serverFiguresQuery(),
  },
  'count-beat': {
    what: 'Counts a beat, which shows a later restore to an earlier state.',
    of: () => countBeatQuery(),
  },
  epoch: {
    what: 'The epoch of the store.',
    of: () => epochQuery(),
  },
  'renew-epoch': {
    what: 'Replaces the epoch of the store, unless it has been replaced already.',
    of: () => renewEpochQuery(newConversationId() as string as StoreEpoch),
  },
  'counters-after': {
    what: 'A slice of the unread counters, each with the last seq of its conversation.',
    of: (_db, n) => countersAfterQuery(newKey(), n),
  },
  'counters-of-user': {
    what: 'A page of the unread counters of a user, each with the last seq of its conversation.',
    of: (_db, n) => countersOfUserQuery(newUser(), newConversationId(), n),
  },
  'counters-of': {
    what: 'Some unread counters, each with the last seq of its conversation.',
    of: (_db, n) => countersOfQuery(Array.from({ length: n }, newKey)),
  },
  'member-counts': {
    what: 'A slice of the counts of members of groups, each with the count of its messages.',
    of: (_db, n) => memberCountsQuery(newKey(), n),
  },
  'member-counts-of-user': {
    what: 'A slice of the counts of one user as a member of groups.',
    of: (_db, n) => memberCountsOfUserQuery(newUser(), newConversationId(), n),
  },
  'member-counts-of': {
    what: 'The counts of some members of groups.',
    of: (_db, n) => memberCountsOfQuery(Array.from({ length: n }, newKey)),
  },
  'heal-members': {
    what: 'Corrects counts of members that have not changed since they were read.',
    of: (_db, n) =>
      healMembersQuery(
        Array.from({ length: n }, (_, i) => ({
          ...newKey(),
          version: String(i),
          stored: { readCounted: i, ownAfter: i, mentions: i },
          truth: { readCounted: 0, ownAfter: 0, mentions: 0 },
        })),
      ),
  },
  'count-ranges': {
    what: 'Number of messages of other users in some ranges of seq.',
    of: (_db, n) => countRangesQuery(Array.from({ length: n }, (_, i) => ({ ...newKey(), fromSeq: 0, toSeq: i }))),
  },
  'heal-counters': {
    what: 'Corrects unread counters that have not changed since they were read.',
    of: (_db, n) =>
      healCountersQuery(
        Array.from({ length: n }, (_, i) => ({
          ...newKey(),
          lastReadSeq: 0,
          lastSeq: 9,
          lastRev: 0,
          version: String(i),
          unreadCount: i,
          truth: 9,
        })),
      ),
  },
};

const STATE: ConversationState = {
  id: newConversationId(),
  kind: 'group',
  title: 'Lunch',
  createdAt: new Date(0),
  lastSeq: 1,
  counted: 0,
  memberCount: 2,
  membersSeq: 1,
  hasRoom: false,
  lastRev: 0,
  lastDeletionSeq: 0,
  lastAllSeq: 0,
};

function newRow(): MessageRow {
  const changes = { reactions: null, rev: 1, edited_at: null, deleted_at: null, deleted_by: newUser() };
  return {
    conversation_id: STATE.id,
    seq: 1,
    id: newMessageId(),
    sender_id: newUser(),
    client_message_id: newMessageId() as string as ClientMessageId,
    content: 'hello',
    attachments: null,
    created_at: new Date(0),
    counted_at: 1,
    extra: null,
    ...changes,
  };
}

function newRequest() {
  return { id: newConversationId(), userId: newUser() };
}

function newUsers(n: number): UserId[] {
  return Array.from({ length: n }, newUser);
}

function newUser(): UserId {
  return newMessageId() as string as UserId;
}

function newKey() {
  return { conversationId: newConversationId(), userId: newUser() };
}

function newSend(_: unknown, i: number): SendEntry {
  return {
    kind: 'send',
    id: newMessageId(),
    conversationId: newConversationId(),
    senderId: newUser(),
    receiverId: newUser(),
    clientMessageId: newMessageId() as string as ClientMessageId,
    content: i % 2 ? null : 'hello',
    attachments: i % 3 ? [{ url: 'https://files.example.com/a.png', type: 'IMAGE' }] : [],
  };
}

/** Breaks the single line of the query builder before each clause, without other changes. */
function format(text: string): string {
  if (text.trim().includes('\n')) return text.trim();
  return text
    .replace(/ (?=(from|inner join|left join|where|group by|order by|limit) )/g, '\n')
    .replace(/ and /g, '\n  and ');
}

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Index Cond'?: string;
  Plans?: PlanNode[];
}

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

interface Access {
  table: string;
  how: string;
  index: string | undefined;
  condition: string | undefined;
}

/** How the node reads a table; undefined if it reads none. */
function accessOf(node: PlanNode): Access | undefined {
  const { 'Node Type': how, 'Relation Name': table } = node;
  if (table === undefined || how === 'ModifyTable') return undefined;
  // A bitmap scan reads the rows that the index scans below it have found.
  const scan = nodesOf(node).find((child) => child['Index Cond'] !== undefined);
  return { table, how, index: scan?.['Index Name'], condition: scan?.['Index Cond'] };
}

describe('the SQL of each query', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let db: Database;
  let leading: Map<string, string>;

  before(async () => {
    database = await freshDatabase();
    db = database.db;
    leading = await leadingColumns(db);
  });
  after(() => database.drop());

  const compiled = (query: Query) => query.compile(db).sql;

  it('has one file in packages/postgres/sql, without other files', () => {
    if (process.env.UPDATE_SQL) return;
    const files = Object.keys(queries).map((name) => `${name}.sql`);
    expect(readdirSync(folder).sort()).to.deep.equal(files.sort());
  });

  for (const [name, { what, of }] of Object.entries(queries)) {
    it(`is the committed text: ${name}`, () => {
      const file = fileURLToPath(new URL(`${name}.sql`, folder));
      const text = `-- ${what}\n${format(compiled(of(db, 2)))}\n`;
      if (process.env.UPDATE_SQL) writeFileSync(file, text);
      const hint = `${name}.sql differs from the compiled query; if the change is intended, run this test with UPDATE_SQL=1`;
      expect(readFileSync(file, 'utf8'), hint).to.equal(text);
    });

    // A new column would change the rows of a prepared statement, which then fails until its connection ends.
    it(`lists its columns: ${name}`, () => {
      expect(compiled(of(db, 1)).replaceAll('count(*)', '')).to.not.include('*');
    });

    it(`is the same text for 1 and 100 items, so it is planned once: ${name}`, () => {
      expect(compiled(of(db, 1))).to.equal(compiled(of(db, 100)));
    });
  }

  // A plan is made in any state of the tables, and kept as long as the connection lives.
  for (const [state, statements] of [
    ['new', []],
    ['analysed while empty', ['analyze']],
    ['small', [...rows(2), 'analyze']],
    ['large', [...rows(2_000), 'analyze']],
  ] as const) {
    describe(`planned when the tables are ${state}`, () => {
      before(async () => {
        for (const statement of statements) await sql.raw(statement).execute(db);
      });

      for (const [name, { of, readsNothing }] of Object.entries(queries)) {
        it(`finds its rows by an index in every table: ${name}`, async () => {
          const accesses = (await planOf(db, of(db, 2))).map(accessOf).filter((access) => access !== undefined);
          if (!readsNothing) expect(accesses).to.not.have.length(0);
          for (const { table, how, index = '', condition } of accesses) {
            expect(how, table).to.be.oneOf(['Index Scan', 'Index Only Scan', 'Bitmap Heap Scan']);
            // A condition on a later column alone scans the whole index. Dead letters are rare and read by hand.
            if (table !== 'dead_letters') expect(condition, `${how} of ${index}`).to.include(leading.get(index));
            // Users' messages are always looked up within their conversation.
            if (table === 'messages' && name !== 'find-message') expect(condition).to.include('conversation_id =');
          }
          // Not all messages of the conversation.
          if (name === 'empty-quotes') expect(accesses.map(({ index }) => index)).to.include('messages_reply_to');
        });
      }
    });
  }
});

/** The first column of each index, by its name. */
async function leadingColumns(db: Database): Promise<Map<string, string>> {
  const { rows } = await sql<{ name: string; column: string }>`
    select c.relname as name, a.attname as column
    from pg_index i
    join pg_class c on c.oid = i.indexrelid
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]`.execute(db);
  return new Map(rows.map(({ name, column }) => [name, column]));
}

/** The plan that the server makes for openDatabase: of a prepared statement; a generic plan ignores the values. */
async function planOf(db: Database, query: Query): Promise<PlanNode[]> {
  const { sql: text, parameters } = query.compile(db);
  return db.connection().execute(async (connection) => {
    const run = <T>(statement: string) => sql.raw<T>(statement).execute(connection);
    await run(`prepare examined as ${text}`);
    const values = parameters.length > 0 ? `(${parameters.map(() => 'null').join(', ')})` : '';
    const { rows } = await run<{ 'QUERY PLAN': { Plan: PlanNode }[] }>(
      `explain (format json) execute examined${values}`,
    );
    await run('deallocate examined');
    const [plan] = rows[0]?.['QUERY PLAN'] ?? [];
    return plan ? nodesOf(plan.Plan) : [];
  });
}

/** Statements that insert this many conversations, each of two of up to 1,000 users, with ten messages. */
function rows(conversations: number): string[] {
  const ids = `(select 'conversation-' || c as name, md5(${conversations} || '-' || c)::uuid as id, c % 1000 as who
    from generate_series(1, ${conversations}) c)`;
  return [
    `insert into conversations (id, last_seq) select id, 10 from ${ids}`,
    `insert into direct_conversations select 'a' || name, 'b' || ${conversations} || name, id from ${ids}`,
    `insert into participants (conversation_id, user_id)
      select id, 'user-' || (who + side) % 1000 from ${ids}, generate_series(0, 1) side`,
    `insert into messages (conversation_id, seq, id, sender_id, client_message_id, content)
      select id, seq, gen_random_uuid(), 'user-' || who, seq, 'hello' from ${ids}, generate_series(1, 10) seq`,
    `insert into members (conversation_id, user_id, role)
      select id, 'user-' || (who + side) % 1000, 'member' from ${ids}, generate_series(0, 1) side`,
    `insert into memberships select id, 'user-' || (who + side) % 1000, 1 from ${ids}, generate_series(0, 1) side`,
    `insert into user_groups select 'user-' || who, 1 from ${ids} on conflict do nothing`,
    `insert into deletions select id, 1, 'user-' || who from ${ids}`,
    `insert into all_mentions select id, 1, 'user-' || who from ${ids}`,
    `insert into message_versions (conversation_id, seq, version, edited_by, change_id)
      select id, 1, 1, 'user-' || who, 'key' from ${ids}`,
    `insert into reactions (conversation_id, seq, emoji, user_id) select id, 1, ':x:', 'user-' || who from ${ids}`,
    `insert into blocks (user_id, blocked_id) select 'user-' || who, ${conversations} || name from ${ids}`,
    `insert into token_revocations select 'user', name, now() from ${ids} on conflict do nothing`,
    `insert into dead_letters (id, source, reason, entry) select id, 'store', 'why', '{}' from ${ids}`,
  ];
}
