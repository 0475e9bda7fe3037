import {
  LIMITS,
  type MessageChanged,
  type MessageChangeEntry,
  PERMISSIONS,
  type Reaction,
  Rejection,
  type Role,
  type UserId,
} from '@chat-cluster/contracts';
import type { Audience, Outcome, StoredMessageChange } from '@chat-cluster/domain';
import { sql } from 'kysely';
import { MESSAGE_COLUMNS, type MessageRow, toMessage } from '../message-row.ts';
import { emptyQuotesQuery } from '../quotes.ts';
import type { MessageExtra } from '../schema.ts';
import {
  audienceOf,
  audienceOfMessage,
  type ConversationState,
  membersOf,
  saveRevisionQuery,
  type Work,
} from './conversation-state.ts';
import { countedMentions, notMember } from './group-sends.ts';

type ChangeOutcome = Promise<Outcome<StoredMessageChange>>;
type Change<T extends MessageChangeEntry['change']['type']> = Extract<MessageChangeEntry['change'], { type: T }>;

/** The message to change, and what the user may do with it. */
interface Target {
  work: Work;
  state: ConversationState;
  row: MessageRow;
  by: UserId;
  /** The role of the user; `member` in a direct conversation; null: a former member, who can only repeat a change. */
  role: Role | null;
  /** The other participant of a direct conversation; in notes to oneself the user. */
  receiverId: UserId;
  to: Audience;
  isSender: boolean;
}

/**
 * Applies one change of a message: an edit, a deletion or a reaction, in a conversation of either kind. A change
 * increments the `rev` of the conversation and stamps the message.
 *
 * A repetition writes nothing and lists an event again, with the whole current state of the message under its `rev`,
 * which may be that of a later change of another kind: the process of the first run may have died before the event. For
 * the same reason it lists all users whose badge the first run may have changed.
 */
export async function changeMessage(work: Work, entry: MessageChangeEntry): ChangeOutcome {
  const target = await find(work, entry);
  if (target instanceof Rejection) return target;
  switch (entry.change.type) {
    case 'edit':
      return edit(target, entry.change);
    case 'delete':
      return remove(target);
    case 'react':
      return react(target, entry.change);
  }
}

async function find(work: Work, { conversationId, by, seq, change }: MessageChangeEntry): Promise<Target | Rejection> {
  const { tx, state } = work;
  if (!state) return new Rejection('CONVERSATION_NOT_FOUND');
  const { rows } = await findToChangeQuery(conversationId, by, seq).execute(tx);
  const [found] = rows;
  if (!found) return new Rejection('CONVERSATION_NOT_FOUND');
  const row = found as MessageRow;
  const isFormer = found.role === null;
  if (found.id === null || !found.is_visible) return isFormer ? notMember() : new Rejection('MESSAGE_NOT_FOUND');
  if (row.extra?.system) return new Rejection('FORBIDDEN', { message: 'Entries about the group cannot be changed.' });
  const users = found.other_user_id === null ? [by] : [by, found.other_user_id];
  const to = state.kind === 'group' ? await audienceIn(work, seq, change) : { users };
  const receiverId = users.find((userId) => userId !== row.sender_id) ?? by;
  return { work, state, row, by, role: found.role, receiverId, to, isSender: row.sender_id === by };
}

/** A deletion shows no content, and empties the quotes of members who do not see the message itself. */
function audienceIn(work: Work, seq: number, { type }: MessageChangeEntry['change']): Promise<Audience> {
  return type === 'delete' ? audienceOf(work) : audienceOfMessage(work, seq);
}

type FoundRow = { role: Role | null; is_visible: boolean; other_user_id: UserId | null } & (
  | MessageRow
  | { [Key in keyof MessageRow]: null }
);

/** No row: the user is neither participant nor member. */
export function findToChangeQuery(id: MessageChangeEntry['conversationId'], by: UserId, seq: number) {
  return sql<FoundRow>`
select w.role, w.is_visible, w.other_user_id,${MESSAGE_COLUMNS}
from (
  select 'member' as role, true as is_visible, (
    select o.user_id from participants o where o.conversation_id = ${id}::uuid and o.user_id <> ${by} limit 1
  ) as other_user_id
  from participants p
  where p.conversation_id = ${id}::uuid and p.user_id = ${by}
  union all
  select g.role, exists (
    select from memberships v
    where v.conversation_id = ${id}::uuid and v.user_id = ${by} and v.from_seq <= ${seq}::bigint
      and (v.to_seq is null or v.to_seq >= ${seq}::bigint)
  ), null
  from members g
  where g.conversation_id = ${id}::uuid and g.user_id = ${by}
) w
left join lateral (
  select${MESSAGE_COLUMNS}
  from messages m
  where m.conversation_id = ${id}::uuid and m.seq = ${seq}::bigint
  limit 1
) m on true`;
}

/** Why the user may not edit or delete the message; undefined: the user may. */
function refusal({ row, role, isSender, work }: Target, windowMs: number, what: string): Rejection | undefined {
  if (role === null) return notMember();
  if (PERMISSIONS[role].changeAnyMessage) return undefined;
  if (!isSender) {
    return new Rejection('FORBIDDEN', { message: `Only its sender, owners and admins may ${what} this message.` });
  }
  if (windowMs === 0) return new Rejection('FORBIDDEN', { message: `Users may not ${what} messages here.` });
  return work.now.getTime() - row.created_at.getTime() <= windowMs ? undefined : new Rejection('TOO_LATE');
}

async function edit(target: Target, change: Change<'edit'>): ChangeOutcome {
  const { work, state, row, by, role } = target;
  if (row.deleted_at) return role === null ? notMember() : new Rejection('MESSAGE_NOT_FOUND');
  const { rows: versions } = await versionsOfQuery(state.id, row.seq, by, change.changeId).execute(work.tx);
  const [known] = versions;
  if (known?.is_repeated) {
    const mentioned = state.kind === 'group' ? await othersThanSender(target) : [];
    return outcomeOf(target, row, stateOf(row), mentioned);
  }
  const refused = refusal(target, work.rules.editWindowMs, 'edit');
  if (refused) return refused;
  const version = (known?.version ?? 0) + 1;
  if (version > LIMITS.edits) {
    return new Rejection('LIMIT_EXCEEDED', { message: `A message can be edited at most ${LIMITS.edits} times.` });
  }
  const mentions = change.mentions && (await mentionedMembers(target, change.mentions));
  const extra = mentions ? withMentions(row.extra, mentions) : row.extra;
  const next: MessageRow = { ...row, content: change.content, extra, edited_at: work.now, rev: nextRev(state) };
  await editQuery(next, { version, content: row.content, by, changeId: change.changeId }).execute(work.tx);
  if (state.kind === 'group' && mentions)
    await moveMentions(work, row, countedMentions(row.extra), countedMentions(extra));
  await saveRevisionQuery(state).execute(work.tx);
  const badges = state.kind === 'group' && mentions ? symmetricDifference(row.extra?.mentions ?? [], mentions) : [];
  return outcomeOf(target, next, editedPart(next), badges);
}

function editedPart(row: MessageRow): Pick<MessageChanged, 'edited'> {
  return { edited: { content: row.content, ...(row.extra?.mentions && { mentions: row.extra.mentions }) } };
}

function stateOf(row: MessageRow): Part {
  return { ...(row.edited_at && editedPart(row)), reactions: row.reactions ?? [] };
}

async function mentionedMembers(
  { work, state, row, receiverId }: Target,
  mentions: readonly UserId[],
): Promise<UserId[]> {
  const members = new Set(state.kind === 'direct' ? [row.sender_id, receiverId] : await membersOf(work));
  return [...new Set(mentions)].filter((userId) => members.has(userId));
}

function withMentions(extra: MessageExtra | null, mentions: UserId[]): MessageExtra | null {
  const { mentions: _, ...rest } = extra ?? {};
  const next = { ...rest, ...(mentions.length > 0 && { mentions }) };
  return Object.keys(next).length > 0 ? next : null;
}

function symmetricDifference(a: readonly UserId[], b: readonly UserId[]): UserId[] {
  return [...new Set(a).symmetricDifference(new Set(b))];
}

/** The last version, and whether the user has made the change before. The ids of two users may be equal. */
export function versionsOfQuery(id: ConversationState['id'], seq: number, by: UserId, changeId: string) {
  return sql<{ version: number; is_repeated: boolean }>`
select max(v.version) as version,
  coalesce(bool_or(v.change_id = ${changeId} and v.edited_by = ${by}), false) as is_repeated
from message_versions v
where v.conversation_id = ${id}::uuid and v.seq = ${seq}::bigint`;
}

interface Version {
  version: number;
  content: string | null;
  by: UserId;
  changeId: string;
}

export function editQuery(next: MessageRow, { version, content, by, changeId }: Version) {
  return sql`
with kept as (
  insert into message_versions (conversation_id, seq, version, content, edited_by, change_id)
  values (${next.conversation_id}::uuid, ${next.seq}::bigint, ${version}::integer, ${content}::text, ${by}, ${changeId})
)
update messages m
set content = ${next.content}::text, extra = ${jsonOrNull(next.extra)}::jsonb, edited_at = now(), rev = ${next.rev}::bigint
where m.conversation_id = ${next.conversation_id}::uuid and m.seq = ${next.seq}::bigint`;
}

function jsonOrNull(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value);
}

/** Only of members who have not read the message: the count of the others does not contain it. */
async function moveMentions({ tx }: Work, row: MessageRow, before: readonly UserId[], after: readonly UserId[]) {
  const gained = after.filter((userId) => !before.includes(userId));
  const lost = before.filter((userId) => !after.includes(userId));
  if (gained.length > 0) await countMentionsQuery(row, gained, 1).execute(tx);
  if (lost.length > 0) await countMentionsQuery(row, lost, -1).execute(tx);
}

export function countMentionsQuery(row: MessageRow, userIds: readonly UserId[], by: 1 | -1) {
  return sql`
update members m
set mention_count = greatest(0, m.mention_count + ${by}::integer)
where m.conversation_id = ${row.conversation_id}::uuid and m.user_id = any(${userIds}::text[])
  and m.user_id <> ${row.sender_id} and m.role is not null and m.last_read_seq < ${row.seq}::bigint`;
}

async function remove(target: Target): ChangeOutcome {
  const { work, state, row, by, role } = target;
  if (row.deleted_at && (role !== null || row.deleted_by === by))
    return outcomeOf(target, row, { deleted: true }, await othersThanSender(target));
  const refused = refusal(target, work.rules.deleteWindowMs, 'delete');
  if (refused) return refused;
  const rev = nextRev(state);
  const changed = { deleted_at: work.now, deleted_by: by, rev };
  const next: MessageRow = { ...row, content: null, attachments: null, extra: null, reactions: null, ...changed };
  await deleteQuery(next).execute(work.tx);
  await emptyQuotesQuery(state.id, row.seq).execute(work.tx);
  const badges = state.kind === 'group' ? await uncountInGroup(target) : await uncountDirect(target);
  await saveRevisionQuery(state).execute(work.tx);
  return outcomeOf(target, next, { deleted: true }, badges);
}

/** Removes the content of the message and of its versions, and its reactions. The row stays. */
export function deleteQuery({ conversation_id: id, seq, rev, deleted_by }: MessageRow) {
  return sql`
with versions as (
  update message_versions v set content = null where v.conversation_id = ${id}::uuid and v.seq = ${seq}::bigint
), reacted as (
  delete from reactions r where r.conversation_id = ${id}::uuid and r.seq = ${seq}::bigint
)
update messages m
set content = null, attachments = null, extra = null, reactions = null, deleted_at = now(), deleted_by = ${deleted_by},
  rev = ${rev}::bigint
where m.conversation_id = ${id}::uuid and m.seq = ${seq}::bigint`;
}

/** The users whose badge contained the message. */
async function uncountDirect({ work, row }: Target): Promise<UserId[]> {
  const { rows } = await uncountDirectQuery(row).execute(work.tx);
  return rows.map(({ user_id }) => user_id);
}

export function uncountDirectQuery(row: MessageRow) {
  return sql<{ user_id: UserId }>`
update participants p
set unread_count = greatest(0, p.unread_count - 1)
where p.conversation_id = ${row.conversation_id}::uuid and p.user_id <> ${row.sender_id}
  and p.last_read_seq < ${row.seq}::bigint
returning p.user_id`;
}

async function uncountInGroup({ work, state, row }: Target): Promise<UserId[]> {
  const { rows } = await uncountInGroupQuery(row).execute(work.tx);
  state.lastDeletionSeq = Math.max(state.lastDeletionSeq, row.seq);
  const mentions = countedMentions(row.extra);
  if (mentions.length > 0) await countMentionsQuery(row, mentions, -1).execute(work.tx);
  return rows.map(({ user_id }) => user_id);
}

export function uncountInGroupQuery(row: MessageRow) {
  return sql<{ user_id: UserId }>`
with deleted as (
  insert into deletions (conversation_id, seq, sender_id)
  values (${row.conversation_id}::uuid, ${row.seq}::bigint, ${row.sender_id})
  on conflict do nothing
), unmentioned as (
  delete from all_mentions a where a.conversation_id = ${row.conversation_id}::uuid and a.seq = ${row.seq}::bigint
)
select m.user_id from members m
where m.conversation_id = ${row.conversation_id}::uuid and m.user_id <> ${row.sender_id} and m.role is not null
  and m.last_read_seq < ${row.seq}::bigint`;
}

async function react(target: Target, { emoji, on }: Change<'react'>): ChangeOutcome {
  const { work, state, row, by, role } = target;
  if (role === null) return notMember();
  if (row.deleted_at) return new Rejection('MESSAGE_NOT_FOUND');
  const reactions = row.reactions ?? [];
  const current = reactions.find((reaction) => reaction.emoji === emoji);
  if (on && !current && reactions.length >= LIMITS.reactionKinds) {
    const message = `A message has at most ${LIMITS.reactionKinds} different reactions.`;
    return new Rejection('LIMIT_EXCEEDED', { message });
  }
  const query = on ? setReactionQuery(row, emoji, by) : clearReactionQuery(row, emoji, by);
  const { rows } = await query.execute(work.tx);
  const about = { reacted: { emoji, on } };
  if (rows.length === 0) return outcomeOf(target, row, { ...stateOf(row), ...about });
  const next: MessageRow = { ...row, reactions: counted(reactions, emoji, on ? 1 : -1), rev: nextRev(state) };
  await saveReactionsQuery(next).execute(work.tx);
  await saveRevisionQuery(state).execute(work.tx);
  return outcomeOf(target, next, { reactions: next.reactions ?? [], ...about });
}

function counted(reactions: readonly Reaction[], emoji: string, by: 1 | -1): Reaction[] {
  const isNew = !reactions.some((reaction) => reaction.emoji === emoji);
  const all = isNew ? [...reactions, { emoji, count: 0 }] : reactions;
  return all
    .map((reaction) => (reaction.emoji === emoji ? { emoji, count: reaction.count + by } : reaction))
    .filter(({ count }) => count > 0);
}

export function setReactionQuery(row: MessageRow, emoji: string, by: UserId) {
  return sql`
insert into reactions (conversation_id, seq, emoji, user_id)
values (${row.conversation_id}::uuid, ${row.seq}::bigint, ${emoji}, ${by})
on conflict do nothing
returning emoji`;
}

export function clearReactionQuery(row: MessageRow, emoji: string, by: UserId) {
  return sql`
delete from reactions r
where r.conversation_id = ${row.conversation_id}::uuid and r.seq = ${row.seq}::bigint and r.emoji = ${emoji}
  and r.user_id = ${by}
returning r.emoji`;
}

export function saveReactionsQuery({ conversation_id: id, seq, reactions, rev }: MessageRow) {
  return sql`
update messages m set reactions = ${jsonOrNull(reactions)}::jsonb, rev = ${rev}::bigint
where m.conversation_id = ${id}::uuid and m.seq = ${seq}::bigint`;
}

function nextRev(state: ConversationState): number {
  state.lastRev++;
  return state.lastRev;
}

async function othersThanSender({ work, state, row, receiverId }: Target): Promise<UserId[]> {
  const users = state.kind === 'group' ? await membersOf(work) : [receiverId];
  return users.filter((userId) => userId !== row.sender_id);
}

type Part = Pick<MessageChanged, 'edited' | 'deleted' | 'reactions' | 'reacted'>;

/** Without an event when the message was never changed: then a repetition had no effect either. */
function outcomeOf(target: Target, row: MessageRow, part: Part, badges: UserId[] = []): StoredMessageChange {
  const { work, by, to, receiverId } = target;
  const message = toMessage(row, receiverId, false);
  if (row.rev === null) return { message, to, badges };
  const at = (part.edited ? row.edited_at : part.deleted ? row.deleted_at : work.now) ?? work.now;
  const base = { conversationId: row.conversation_id, seq: row.seq, rev: row.rev };
  const actor = part.deleted ? (row.deleted_by ?? by) : by;
  return { message, changed: { ...base, by: actor, at: at.toISOString(), ...part }, to, badges };
}
