/*
 * Longer than 250 lines on purpose: the changes of a group share their rules and one way to write an entry.
 */
import {
  type Group,
  type GroupChangeEntry,
  LIMITS,
  type Message,
  PERMISSIONS,
  Rejection,
  type Role,
  type SystemEntry,
  type UserId,
  type VisibleHistory,
  type Window,
} from '@chat-cluster/contracts';
import type { Outcome, StoredGroupChange } from '@chat-cluster/domain';
import { sql } from 'kysely';
import { MESSAGE_COLUMNS, type MessageRow, toMessage } from '../message-row.ts';
import {
  audienceOf,
  type ConversationState,
  groupsOf,
  membersOf,
  roleOf,
  saveGroupQuery,
  type Work,
} from './conversation-state.ts';
import { notMember, resultUnknown } from './group-sends.ts';

type Change<T extends GroupChangeEntry['change']['type']> = Extract<GroupChangeEntry['change'], { type: T }>;
type ChangeOutcome = Promise<Outcome<StoredGroupChange>>;

/** Applies one change of a group: checks the role of `by`, then writes the members, and the entry of the sequence. */
export async function changeGroup(work: Work, entry: GroupChangeEntry): ChangeOutcome {
  const { change, by } = entry;
  if (work.state && work.state.kind !== 'group') return new Rejection('CONVERSATION_NOT_FOUND');
  const earlier = work.state && (await earlierEntry(work, entry));
  if (earlier) return repeated(work, entry, earlier);
  if (work.hasRun) return resultUnknown();
  if (change.type === 'create') return create(work, entry, change);
  const role = work.state && (await roleOf(work, by));
  if (!work.state || role === undefined) return new Rejection('CONVERSATION_NOT_FOUND');
  if (role === null) return notMember();
  switch (change.type) {
    case 'add':
      return add(work, entry, role, change);
    case 'remove':
      return change.userId === by ? leave(work, entry, role) : remove(work, entry, role, change.userId);
    case 'leave':
      return leave(work, entry, role);
    case 'rename':
      return rename(work, entry, role, change.title);
    case 'role':
      return setRole(work, entry, role, change);
  }
}

/** The entry that an earlier change with the same key has written. */
async function earlierEntry({ tx }: Work, { conversationId, by, changeId }: GroupChangeEntry) {
  const { rows } = await earlierEntryQuery(conversationId, by, changeId).execute(tx);
  return rows[0] && toMessage(rows[0], by, false);
}

export function earlierEntryQuery(id: GroupChangeEntry['conversationId'], by: UserId, changeId: string) {
  return sql<MessageRow>`
select${MESSAGE_COLUMNS}
from messages m
where m.conversation_id = ${id}::uuid and m.sender_id = ${by} and m.client_message_id = ${changeId}
limit 1`;
}

/** A repetition writes nothing. It lists the events again: the process of the first run may have died before them. */
async function repeated(work: Work, entry: GroupChangeEntry, earlier: Message): ChangeOutcome {
  const { system } = earlier;
  const own = await groupsOf(work, [entry.by]);
  const group = own.get(entry.by);
  // The key belongs to a message of the user.
  if (!system || !group) return new Rejection('REJECTED', { message: 'changeId: it was used for a message.' });
  const duplicate = earlier.id !== entry.id;
  const affected = duplicate ? [] : await affectedBy(work, system, entry.by);
  const gone = system.type === 'removed' ? system.userIds : system.type === 'left' ? [entry.by] : [];
  const room = !work.state?.hasRoom || duplicate ? undefined : gone.length > 0 ? 'leave' : 'join';
  return {
    entry: earlier,
    duplicate,
    group,
    to: await withUsers(work, gone),
    groups: await groupsOf(work, affected),
    ...(room && { room }),
    badges: duplicate ? [] : affected,
  };
}

async function affectedBy(work: Work, system: SystemEntry, by: UserId): Promise<readonly UserId[]> {
  switch (system.type) {
    case 'created':
      return [by, ...system.userIds];
    case 'left':
      return system.newOwnerId ? [by, system.newOwnerId] : [by];
    case 'renamed':
      return renamedFor(work, by);
    default:
      return system.userIds;
  }
}

async function create(work: Work, entry: GroupChangeEntry, change: Change<'create'>): ChangeOutcome {
  const { tx, now } = work;
  if (work.state) return new Rejection('REJECTED', { message: 'The group exists already.' });
  const others = [...new Set(change.userIds)].filter((userId) => userId !== entry.by);
  const tooMany = exceedsAdd(work, others.length) ?? exceedsMembers(work, others.length + 1);
  if (tooMany) return tooMany;
  const users = [entry.by, ...others];
  const full = await joinUsers(work, users);
  if (full) return full;
  const state: ConversationState = {
    id: entry.conversationId,
    kind: 'group',
    title: change.title,
    createdAt: now,
    lastSeq: 0,
    counted: 0,
    memberCount: 0,
    membersSeq: 0,
    hasRoom: false,
    lastRev: 0,
    lastDeletionSeq: 0,
    lastAllSeq: 0,
  };
  await createGroupQuery(state).execute(tx);
  work.state = state;
  await writeMembers(
    work,
    users,
    users.map((userId) => (userId === entry.by ? 'owner' : 'member')),
    state.lastSeq + 1,
  );
  await writeWindows(
    work,
    users.map((userId) => ({ userId, fromSeq: 1 })),
  );
  state.memberCount = users.length;
  return finish(
    work,
    entry,
    { type: 'created', title: change.title, userIds: others },
    { affected: users, joined: users },
  );
}

export function createGroupQuery(state: ConversationState) {
  return sql`
insert into conversations (id, kind, title, counted, member_count, members_seq)
values (${state.id}::uuid, 'group', ${state.title}::text, 0, 0, 0)`;
}

async function add(work: Work, entry: GroupChangeEntry, role: Role, change: Change<'add'>): ChangeOutcome {
  if (!PERMISSIONS[role].add) return needsRole('owners and admins may add members');
  const state = work.state as ConversationState;
  const wanted = [...new Set(change.userIds)];
  const members = new Set(await membersOf(work));
  const users = wanted.filter((userId) => !members.has(userId));
  if (users.length === 0) return unchanged(work, entry);
  const tooMany = exceedsAdd(work, users.length) ?? exceedsMembers(work, state.memberCount + users.length);
  if (tooMany) return tooMany;
  const seq = state.lastSeq + 1;
  const fromSeq = await firstVisible(work, change.history, seq);
  const full = (await exceedsWindows(work, users, fromSeq)) ?? (await joinUsers(work, users));
  if (full) return full;
  await writeMembers(
    work,
    users,
    users.map(() => 'member'),
    seq,
  );
  await writeWindows(
    work,
    users.map((userId) => ({ userId, fromSeq })),
  );
  state.memberCount += users.length;
  return finish(work, entry, { type: 'added', userIds: users }, { affected: users, joined: users });
}

async function remove(work: Work, entry: GroupChangeEntry, role: Role, userId: UserId): ChangeOutcome {
  const target = await roleOf(work, userId);
  if (!target) return new Rejection('MEMBER_NOT_FOUND');
  const removable: readonly Role[] = PERMISSIONS[role].remove;
  if (!removable.includes(target)) {
    return needsRole(
      target === 'member' ? 'owners and admins may remove members' : 'owners may remove owners and admins',
    );
  }
  await endMembership(work, userId);
  return finish(work, entry, { type: 'removed', userIds: [userId] }, { affected: [userId], gone: [userId] });
}

async function leave(work: Work, entry: GroupChangeEntry, role: Role): ChangeOutcome {
  const { by } = entry;
  await endMembership(work, by);
  const newOwnerId = role === 'owner' ? await promoteSuccessor(work) : undefined;
  const system = { type: 'left' as const, ...(newOwnerId && { newOwnerId }) };
  return finish(work, entry, system, { affected: newOwnerId ? [by, newOwnerId] : [by], gone: [by] });
}

async function rename(work: Work, entry: GroupChangeEntry, role: Role, title: string): ChangeOutcome {
  if (!PERMISSIONS[role].rename) return needsRole('owners and admins may rename the group');
  const state = work.state as ConversationState;
  if (state.title === title) return unchanged(work, entry);
  state.title = title;
  return finish(work, entry, { type: 'renamed', title }, { affected: await renamedFor(work, entry.by) });
}

/** In a group with a room the entry alone shows the title: an event per member would cost 25 ms with 900 members. */
async function renamedFor(work: Work, by: UserId): Promise<readonly UserId[]> {
  return work.state?.hasRoom ? [by] : membersOf(work);
}

async function setRole(work: Work, entry: GroupChangeEntry, role: Role, change: Change<'role'>): ChangeOutcome {
  if (!PERMISSIONS[role].setRole) return needsRole('owners may set roles');
  const { userId } = change;
  const state = work.state as ConversationState;
  const current = await roleOf(work, userId);
  if (!current) return new Rejection('MEMBER_NOT_FOUND');
  if (current === change.role) return unchanged(work, entry);
  if (current === 'owner' && (await ownersQuery(state.id).execute(work.tx)).rows.length < 2) {
    return new Rejection('FORBIDDEN', { message: 'The group needs an owner. Make another member an owner first.' });
  }
  await setRoleQuery(state.id, userId, change.role).execute(work.tx);
  return finish(work, entry, { type: 'role', userIds: [userId], role: change.role }, { affected: [userId] });
}

function needsRole(what: string): Rejection {
  return new Rejection('FORBIDDEN', { message: `Only ${what}.` });
}

function exceedsAdd({ rules }: Work, users: number): Rejection | undefined {
  if (users <= rules.maxUsersPerAdd) return undefined;
  return overLimit(`At most ${rules.maxUsersPerAdd} users can be added at once (MAX_USERS_PER_ADD).`);
}

function exceedsMembers({ rules }: Work, members: number): Rejection | undefined {
  if (members <= rules.maxGroupMembers) return undefined;
  return overLimit(`A group has at most ${rules.maxGroupMembers} members (MAX_GROUP_MEMBERS).`);
}

/** Windows that end before `fromSeq` stay beside the new one; each read of the group returns all of them. */
async function exceedsWindows({ tx, state }: Work, userIds: readonly UserId[], fromSeq: number) {
  const { rows } = await fullOfWindowsQuery((state as ConversationState).id, userIds, fromSeq).execute(tx);
  const [full] = rows;
  if (!full) return undefined;
  return overLimit(
    `${full.user_id} was a member of this group ${LIMITS.windows} times. Add the user with the whole history ('all').`,
  );
}

export function fullOfWindowsQuery(id: ConversationState['id'], userIds: readonly UserId[], fromSeq: number) {
  return sql<{ user_id: UserId }>`
select w.user_id from memberships w
where w.conversation_id = ${id}::uuid and w.user_id = any(${userIds}::text[]) and w.to_seq < ${fromSeq}::bigint - 1
group by w.user_id
having count(*) >= ${LIMITS.windows}::integer
limit 1`;
}

function overLimit(message: string): Rejection {
  return new Rejection('LIMIT_EXCEEDED', { message });
}

/** Counts a group more for each user. The rows stay locked to the end of the transaction, so the cap is exact. */
async function joinUsers({ tx, rules }: Work, userIds: readonly UserId[]): Promise<Rejection | undefined> {
  await ensureUserGroupsQuery(userIds).execute(tx);
  const { rows } = await lockUserGroupsQuery(userIds).execute(tx);
  const full = rows.find((row) => row.groups >= rules.maxGroupsPerUser);
  if (full) {
    return overLimit(
      `A user is in at most ${rules.maxGroupsPerUser} groups (MAX_GROUPS_PER_USER); reached by ${full.user_id}.`,
    );
  }
  await countGroupsQuery(userIds, 1).execute(tx);
  return undefined;
}

export function ensureUserGroupsQuery(userIds: readonly UserId[]) {
  return sql`
insert into user_groups (user_id)
select u from unnest(${userIds}::text[]) u order by u collate "C"
on conflict do nothing`;
}

export function lockUserGroupsQuery(userIds: readonly UserId[]) {
  return sql<{ user_id: UserId; groups: number }>`
select g.user_id, g.groups from user_groups g
where g.user_id = any(${userIds}::text[])
order by g.user_id
for update`;
}

export function countGroupsQuery(userIds: readonly UserId[], by: 1 | -1) {
  return sql`
update user_groups g set groups = greatest(0, g.groups + ${by}::integer) where g.user_id = any(${userIds}::text[])`;
}

/** The first `seq` that a new member sees. The entry of the join itself, `seq`, is always visible. */
async function firstVisible(work: Work, history: VisibleHistory | undefined, seq: number): Promise<number> {
  if (history === 'all') return 1;
  if (typeof history !== 'object') return seq;
  const state = work.state as ConversationState;
  // Postgres refuses some texts that are valid: the year 0, and hundreds of digits.
  const since = new Date(history.since);
  if (since <= state.createdAt) return 1;
  const { rows } = await firstSinceQuery(state.id, since.toISOString(), seq).execute(work.tx);
  return rows[0]?.seq ?? seq;
}

/** Halves the range of `seq` until the first message since the time remains: messages have ascending times. */
export function firstSinceQuery(id: ConversationState['id'], since: string, end: number) {
  return sql<{ seq: number }>`
with recursive search (low, high) as (
  select 1::bigint, ${end}::bigint
  union all
  select case when m.created_at < ${since}::timestamptz then s.middle + 1 else s.low end,
    case when m.created_at < ${since}::timestamptz then s.high else s.middle end
  from (select low, high, (low + high) / 2 as middle from search where low < high) s
  cross join lateral (
    select m.created_at from messages m where m.conversation_id = ${id}::uuid and m.seq = s.middle limit 1
  ) m
)
select low as seq from search where low = high`;
}

async function writeMembers({ tx, state }: Work, userIds: readonly UserId[], roles: readonly Role[], seq: number) {
  const { id, counted } = state as ConversationState;
  await writeMembersQuery(id, userIds, roles, seq, counted).execute(tx);
}

/** A new member has read everything up to the entry of the join. A former member who returns has a row. */
export function writeMembersQuery(
  id: ConversationState['id'],
  userIds: readonly UserId[],
  roles: readonly Role[],
  seq: number,
  counted: number,
) {
  return sql`
insert into members (conversation_id, user_id, role, last_read_seq, read_counted)
select ${id}::uuid, i.user_id, i.role, ${seq}::bigint, ${counted}::bigint
from unnest(${userIds}::text[], ${roles}::text[]) as i (user_id, role)
on conflict (conversation_id, user_id) do update
set role = excluded.role, joined_at = now(), left_at = null, last_read_seq = excluded.last_read_seq,
  read_counted = excluded.read_counted, own_after = 0, mention_count = 0, read_at = null, delivered_seq = null,
  archived_counted = null, marked_unread = null`;
}

/** Opens a window for each user, joined with the earlier windows that it touches. */
async function writeWindows({ tx, state }: Work, opened: readonly { userId: UserId; fromSeq: number }[]) {
  const { id } = state as ConversationState;
  const users = opened.map(({ userId }) => userId);
  const { rows } = await takeWindowsQuery(id, users, opened[0]?.fromSeq ?? 1).execute(tx);
  const earliest = new Map<UserId, number>();
  for (const { user_id, from_seq } of rows)
    earliest.set(user_id, Math.min(from_seq, earliest.get(user_id) ?? from_seq));
  const from = opened.map(({ userId, fromSeq }) => Math.min(fromSeq, earliest.get(userId) ?? fromSeq));
  await openWindowsQuery(id, users, from).execute(tx);
}

export function takeWindowsQuery(id: ConversationState['id'], userIds: readonly UserId[], fromSeq: number) {
  return sql<{ user_id: UserId; from_seq: number }>`
delete from memberships w
where w.conversation_id = ${id}::uuid and w.user_id = any(${userIds}::text[]) and w.to_seq >= ${fromSeq}::bigint - 1
returning w.user_id, w.from_seq`;
}

export function openWindowsQuery(
  id: ConversationState['id'],
  userIds: readonly UserId[],
  from: readonly Window['fromSeq'][],
) {
  return sql`
insert into memberships (conversation_id, user_id, from_seq)
select ${id}::uuid, i.user_id, i.from_seq from unnest(${userIds}::text[], ${from}::bigint[]) as i (user_id, from_seq)`;
}

/** The last entry that the user sees is the one that reports the end. */
async function endMembership({ tx, state }: Work, userId: UserId): Promise<void> {
  const group = state as ConversationState;
  group.memberCount--;
  await endMembershipQuery(group, userId, group.lastSeq + 1).execute(tx);
  await countGroupsQuery([userId], -1).execute(tx);
}

/** A former member does not see later titles and numbers of members, so the row keeps those of the end. */
export function endMembershipQuery(
  { id, title, memberCount }: Pick<ConversationState, 'id' | 'title' | 'memberCount'>,
  userId: UserId,
  seq: number,
) {
  return sql`
with ended as (
  update memberships w set to_seq = ${seq}::bigint
  where w.conversation_id = ${id}::uuid and w.user_id = ${userId} and w.to_seq is null
)
update members m
set role = null, left_at = now(), left_title = ${title}::text, left_count = ${memberCount}::integer, own_after = 0, mention_count = 0, marked_unread = null
where m.conversation_id = ${id}::uuid and m.user_id = ${userId}`;
}

/** If no owner is left, the oldest admin, else the oldest member, becomes owner. */
async function promoteSuccessor({ tx, state }: Work): Promise<UserId | undefined> {
  const { rows } = await promoteSuccessorQuery((state as ConversationState).id).execute(tx);
  return rows[0]?.user_id;
}

export function promoteSuccessorQuery(id: ConversationState['id']) {
  return sql<{ user_id: UserId }>`
update members m
set role = 'owner'
where m.conversation_id = ${id}::uuid and m.user_id = (
  select s.user_id from members s
  where s.conversation_id = ${id}::uuid and s.role is not null
    and not exists (select from members o where o.conversation_id = ${id}::uuid and o.role = 'owner')
  order by s.role = 'admin' desc, s.joined_at, s.user_id
  limit 1
)
returning m.user_id`;
}

export function ownersQuery(id: ConversationState['id']) {
  return sql`select m.user_id from members m where m.conversation_id = ${id}::uuid and m.role = 'owner' limit 2`;
}

export function setRoleQuery(id: ConversationState['id'], userId: UserId, role: Role) {
  return sql`update members m set role = ${role} where m.conversation_id = ${id}::uuid and m.user_id = ${userId}`;
}

interface Effect {
  /** Users that see the group differently after the change. */
  affected: readonly UserId[];
  joined?: readonly UserId[];
  gone?: readonly UserId[];
}

/** Writes the entry of the change and the state of the group. A system entry is unread for no user. */
async function finish(work: Work, entry: GroupChangeEntry, system: SystemEntry, effect: Effect): ChangeOutcome {
  const { tx, now, lists } = work;
  const state = work.state as ConversationState;
  const { affected, joined = [], gone = [] } = effect;
  state.lastSeq++;
  if (joined.length > 0 || gone.length > 0) {
    state.membersSeq = state.lastSeq;
    // After a restore of the database the number may be that of a change which the restore has undone.
    lists.forget(state.id);
  }
  const getsRoom = !state.hasRoom && state.memberCount > LIMITS.smallGroup;
  state.hasRoom ||= getsRoom;
  await writeEntryQuery(state, entry, system).execute(tx);
  await saveGroupQuery(state).execute(tx);
  const members = await membersOf(work);
  const changed = getsRoom ? [...new Set([...members, ...affected])] : affected;
  const groups = await groupsOf(work, [...new Set([...changed, entry.by])]);
  const group = groups.get(entry.by) as Group;
  if (!changed.includes(entry.by)) groups.delete(entry.by);
  const room = !state.hasRoom ? undefined : gone.length > 0 ? 'leave' : joined.length > 0 ? 'join' : undefined;
  return {
    entry: messageOf(state, entry, system, now),
    duplicate: false,
    group,
    // The gateways join a new room only when they receive the event.
    to: getsRoom ? { users: members } : await withUsers(work, gone),
    groups,
    ...(room && { room }),
    badges: [...joined, ...gone],
  };
}

/** The audience of an entry that also `gone` receive: in a room they are still its members. */
async function withUsers(work: Work, gone: readonly UserId[]) {
  const to = await audienceOf(work);
  return 'room' in to ? to : { users: [...new Set([...to.users, ...gone])] };
}

export function writeEntryQuery(state: ConversationState, entry: GroupChangeEntry, system: SystemEntry) {
  return sql`
insert into messages (conversation_id, seq, id, sender_id, client_message_id, counted_at, extra)
values (${state.id}::uuid, ${state.lastSeq}::bigint, ${entry.id}::uuid, ${entry.by}, ${entry.changeId},
  ${state.counted}::bigint, ${JSON.stringify({ system })}::jsonb)`;
}

function messageOf(state: ConversationState, entry: GroupChangeEntry, system: SystemEntry, now: Date): Message {
  return {
    id: entry.id,
    conversationId: state.id,
    seq: state.lastSeq,
    senderId: entry.by,
    clientMessageId: entry.changeId as Message['clientMessageId'],
    content: null,
    attachments: [],
    isRead: false,
    createdAt: now.toISOString(),
    system,
  };
}

async function unchanged(work: Work, entry: GroupChangeEntry): ChangeOutcome {
  const groups = await groupsOf(work, [entry.by]);
  const group = groups.get(entry.by) as Group;
  return { duplicate: false, group, to: { users: [] }, groups: new Map(), badges: [] };
}
