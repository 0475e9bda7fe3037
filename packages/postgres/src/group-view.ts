import type { ConversationSettings, GroupOfMember, Role, Window } from '@chat-cluster/contracts';
import { sql } from 'kysely';

/** A group as one of its members, or former members, sees it. */
export interface GroupRow {
  title: string;
  role: Role | null;
  member_count: number;
  windows: Window[];
}

/**
 * The columns of {@link GroupRow}; they need the aliases `m` (members) and `c` (conversations). A former member sees the
 * title and the number of members at the end of the membership; a row of an earlier version has neither.
 */
export const GROUP_COLUMNS = sql.raw(`
  case when m.role is null then coalesce(m.left_title, c.title) else c.title end as title, m.role,
  case when m.role is null then coalesce(m.left_count, c.member_count) else c.member_count end as member_count, (
    select jsonb_agg(jsonb_build_object('fromSeq', w.from_seq, 'toSeq', w.to_seq) order by w.from_seq)
    from memberships w
    where w.conversation_id = m.conversation_id and w.user_id = m.user_id
  ) as windows`);

/** The last entry that the user may see: for a former member, the end of the last window. */
export const VISIBLE_LAST_SEQ = sql.raw(`case when m.role is null then (
    select max(w.to_seq) from memberships w where w.conversation_id = m.conversation_id and w.user_id = m.user_id
  ) else c.last_seq end`);

export function toGroupOfMember({ title, role, member_count, windows }: GroupRow): GroupOfMember {
  return { title, role, memberCount: member_count, windows };
}

/** `archived` is true while no message has followed. */
export interface SettingsRow {
  muted: boolean | null;
  archived: boolean | null;
  marked_unread: boolean | null;
}

/** The settings of a participant `p` of the direct conversation `c`. */
export const DIRECT_SETTINGS = sql.raw('p.muted, p.archived_seq >= c.last_seq as archived, p.marked_unread');
/** The settings of a member `m` of the group `c`. Messages after a former member has left do not count. */
export const GROUP_SETTINGS = sql.raw(
  'm.muted, m.archived_counted is not null and (m.role is null or m.archived_counted >= c.counted) as archived, m.marked_unread',
);

export function toSettings({ muted, archived, marked_unread }: SettingsRow): ConversationSettings {
  return { muted: muted === true, archived: archived === true, markedUnread: marked_unread === true };
}

/** Undefined while all settings have their defaults. */
export function settingsUnlessDefault(row: SettingsRow): ConversationSettings | undefined {
  return row.muted || row.archived || row.marked_unread ? toSettings(row) : undefined;
}
