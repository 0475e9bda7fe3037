import type { ConversationId, Group, Role, UserId } from '@chat-cluster/contracts';
import { LIMITS } from '@chat-cluster/contracts';
import type { Audience } from '@chat-cluster/domain';
import { sql } from 'kysely';
import type { Database } from '../database.ts';
import { GROUP_COLUMNS, type GroupRow, toGroupOfMember, VISIBLE_LAST_SEQ } from '../group-view.ts';
import type { MemberLists } from './member-lists.ts';

/** Bounds of groups and of changes. The worker's settings of the same names. */
export interface GroupRules {
  maxGroupMembers: number;
  maxGroupsPerUser: number;
  maxUsersPerAdd: number;
  /** Time after a message in which its sender may edit it, in ms; 0: never. */
  editWindowMs: number;
  deleteWindowMs: number;
}

/** The row of a conversation, which the transaction has locked. Handlers change it here and call `saveState`. */
export interface ConversationState {
  id: ConversationId;
  kind: 'direct' | 'group';
  title: string;
  createdAt: Date;
  lastSeq: number;
  counted: number;
  memberCount: number;
  membersSeq: number;
  hasRoom: boolean;
  lastRev: number;
  lastDeletionSeq: number;
  lastAllSeq: number;
}

/** A transaction on one conversation. */
export interface Work {
  tx: Database;
  rules: GroupRules;
  lists: MemberLists;
  /** Time of the transaction; the time of its messages and changes. */
  now: Date;
  /** Undefined: the conversation does not exist. A handler that creates it sets this. */
  state: ConversationState | undefined;
  /** An earlier run has committed these entries: those that are not stored had no effect, and must get none now. */
  hasRun: boolean;
}

interface StateRow {
  now: Date;
  id: ConversationId | null;
  kind: 'direct' | 'group';
  title: string | null;
  created_at: Date;
  last_seq: number;
  counted: number | null;
  member_count: number | null;
  members_seq: number | null;
  has_room: boolean | null;
  last_rev: number | null;
  last_deletion_seq: number | null;
  last_all_seq: number | null;
}

/**
 * Locks the conversation to the end of the transaction. Lanes ensure that no other process writes it; the lock protects it
 * from a paused worker that resumes.
 */
export function lockConversationQuery(id: ConversationId) {
  return sql<StateRow>`
select now()::timestamptz(3) as now, c.id, c.kind, c.title, c.created_at, c.last_seq, c.counted, c.member_count,
  c.members_seq, c.has_room, c.last_rev, c.last_deletion_seq, c.last_all_seq
from conversations c
where c.id = ${id}::uuid
for no key update`;
}

export function toState(row: StateRow & { id: ConversationId }): ConversationState {
  return {
    id: row.id,
    kind: row.kind,
    title: row.title ?? '',
    createdAt: row.created_at,
    lastSeq: row.last_seq,
    counted: row.counted ?? 0,
    memberCount: row.member_count ?? 0,
    membersSeq: row.members_seq ?? 0,
    hasRoom: row.has_room === true,
    lastRev: row.last_rev ?? 0,
    lastDeletionSeq: row.last_deletion_seq ?? 0,
    lastAllSeq: row.last_all_seq ?? 0,
  };
}

/** Writes the state of a group after a change of the group itself. */
export function saveGroupQuery(state: ConversationState) {
  return sql`
update conversations c
set title = ${state.title}::text, last_seq = ${state.lastSeq}::bigint, member_count = ${state.memberCount}::integer,
  members_seq = ${state.membersSeq}::bigint, has_room = ${state.hasRoom}::boolean, updated_at = now()
where c.id = ${state.id}::uuid`;
}

/** Writes the state after a change of a message. */
export function saveRevisionQuery(state: ConversationState) {
  return sql`
update conversations c
set last_rev = ${state.lastRev}::bigint, changed_at = now(),
  last_deletion_seq = nullif(${state.lastDeletionSeq}::bigint, 0)
where c.id = ${state.id}::uuid`;
}

/** Members in the order of their ids. */
export function membersOf({ tx, state, lists }: Work): Promise<readonly UserId[]> {
  if (!state) return Promise.resolve([]);
  return lists.of(tx, state.id, state.membersSeq);
}

/** Who receives an entry of the group: its room, once it has one, otherwise the rooms of its members. */
export async function audienceOf(work: Work): Promise<Audience> {
  const { state } = work;
  return state?.hasRoom ? { room: state.id } : { users: await membersOf(work) };
}

/** Who receives a change of the content of a message: the members who may see it. */
export async function audienceOfMessage(work: Work, seq: number): Promise<Audience> {
  const { state, tx } = work;
  // Since the last change of the members, each of them sees each message.
  if (!state || seq > state.membersSeq) return audienceOf(work);
  const { rows } = await membersWhoSeeQuery(state.id, seq).execute(tx);
  const users = rows.map(({ user_id }) => user_id).sort();
  if (!state.hasRoom) return { users };
  return users.length === state.memberCount ? { room: state.id } : { room: state.id, only: users };
}

/** In any order: with one, a plan may read the whole index by user. */
export function membersWhoSeeQuery(id: ConversationId, seq: number) {
  return sql<{ user_id: UserId }>`
select m.user_id
from members m
cross join lateral (
  select from memberships w
  where w.conversation_id = m.conversation_id and w.user_id = m.user_id and w.from_seq <= ${seq}::bigint
    and (w.to_seq is null or w.to_seq >= ${seq}::bigint)
  limit 1
) w
where m.conversation_id = ${id}::uuid and m.role is not null`;
}

/** Members that a receipt is sent to; undefined in a group that emits none. */
export async function receiptAudienceOf(work: Work): Promise<Audience | undefined> {
  return (work.state?.memberCount ?? 0) > LIMITS.smallGroup ? undefined : { users: await membersOf(work) };
}

/** The role of a user in the group; null: a former member; undefined: neither. */
export async function roleOf({ tx, state }: Work, userId: UserId): Promise<Role | null | undefined> {
  const { rows } = await roleQuery(state?.id as ConversationId, [userId]).execute(tx);
  return rows[0]?.role;
}

export function roleQuery(id: ConversationId, userIds: readonly UserId[]) {
  return sql<{ user_id: UserId; role: Role | null }>`
select m.user_id, m.role from members m
where m.conversation_id = ${id}::uuid and m.user_id = any(${userIds}::text[])`;
}

/** The group as each of these members, or former members, sees it. */
export async function groupsOf({ tx, state }: Work, userIds: readonly UserId[]): Promise<Map<UserId, Group>> {
  if (!state || userIds.length === 0) return new Map();
  const { rows } = await groupViewsQuery(state.id, userIds).execute(tx);
  return new Map(rows.map((row) => [row.user_id, toGroup(row)]));
}

export type GroupViewRow = GroupRow & { id: ConversationId; user_id: UserId; created_at: Date; last_seq: number };

export function toGroup(row: GroupViewRow): Group {
  const { id, created_at, last_seq } = row;
  return { id, kind: 'group', ...toGroupOfMember(row), createdAt: created_at.toISOString(), lastSeq: last_seq };
}

export function groupViewsQuery(id: ConversationId, userIds: readonly UserId[]) {
  return sql<GroupViewRow>`
select c.id, m.user_id, c.created_at, ${VISIBLE_LAST_SEQ} as last_seq,${GROUP_COLUMNS}
from conversations c
cross join lateral (
  select m.conversation_id, m.user_id, m.role, m.left_title, m.left_count from members m
  where m.conversation_id = c.id and m.user_id = any(${userIds}::text[])
) m
where c.id = ${id}::uuid`;
}
