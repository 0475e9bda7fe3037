import { type ConversationId, type GroupReadEntry, LIMITS, Rejection, type UserId } from '@chat-cluster/contracts';
import { type Outcome, readResult, type StoredGroupRead } from '@chat-cluster/domain';
import { sql } from 'kysely';
import type { Database } from '../database.ts';
import { recountWithGroupsQuery } from '../unread-counts.ts';
import { notMember } from './group-sends.ts';
import type { MemberLists } from './member-lists.ts';

/**
 * Moves the read marks of a run of reads in one group with one statement, and reads the totals of their users. Several
 * marks of one user count as the furthest.
 */
export async function moveGroupMarks(
  db: Database,
  lists: MemberLists,
  entries: readonly GroupReadEntry[],
): Promise<Outcome<StoredGroupRead>[]> {
  const id = entries[0]?.conversationId as ConversationId;
  const marks = furthest(entries);
  const users = [...marks.keys()];
  const rows = await moveMarks(db, id, marks);
  const { rows: totals } = await recountWithGroupsQuery(users, []).execute(db);
  const [first] = rows;
  const to = first?.is_small ? { users: await lists.of(db, id, first.members_seq) } : undefined;
  return readResult(() => {
    const byUser = new Map(rows.map((row) => [row.user_id, row]));
    const totalOf = new Map(totals.map((row) => [row.userId, row.count]));
    return entries.map(({ userId }): Outcome<StoredGroupRead> => {
      const row = byUser.get(userId);
      if (!row) return new Rejection('CONVERSATION_NOT_FOUND');
      if (!row.is_member) return notMember();
      return {
        upToSeq: row.up_to_seq,
        readAt: row.read_at ?? new Date(0),
        advanced: row.advanced,
        unreadCount: totalOf.get(userId) ?? 0,
        ...(to && { to }),
      };
    });
  });
}

/** Repeats the statement while another transaction has written one of its rows after the statement began. */
async function moveMarks(
  db: Database,
  id: ConversationId,
  marks: ReadonlyMap<UserId, number | null>,
): Promise<MarkedRow[]> {
  const advanced = new Set<UserId>();
  for (;;) {
    const { rows } = await moveGroupMarksQuery(id, [...marks.keys()], [...marks.values()]).execute(db);
    for (const row of rows) if (row.advanced) advanced.add(row.user_id);
    if (!rows.some((row) => row.is_missed)) {
      return rows.map((row) => ({ ...row, advanced: advanced.has(row.user_id) }));
    }
  }
}

function furthest(entries: readonly GroupReadEntry[]): Map<UserId, number | null> {
  const marks = new Map<UserId, number | null>();
  for (const { userId, upToSeq } of entries) {
    const earlier = marks.get(userId);
    const all = upToSeq === null || earlier === null;
    marks.set(userId, all ? null : Math.max(upToSeq, earlier ?? 0));
  }
  return marks;
}

interface MarkedRow {
  user_id: UserId;
  is_member: boolean;
  up_to_seq: number;
  read_at: Date | null;
  advanced: boolean;
  members_seq: number;
  is_small: boolean;
  /** Another transaction has written the row meanwhile, so the mark is not set. */
  is_missed: boolean;
}

/** The messages `o` of the user of the target `t`, and those of others that mention the user. */
const OWN = sql.raw("o.sender_id = t.user_id and o.extra -> 'system' is null");
const MENTIONS = sql.raw(
  "o.sender_id <> t.user_id and jsonb_exists(o.extra -> 'mentions', t.user_id) and o.extra -> 'mentionsAll' is null",
);

/**
 * `target`: the new position of each mark, never before the current one or beyond the last entry. `marked`: the members
 * whose mark advances. A mark at the last entry, the usual case, reads no message. Another one counts the messages that
 * are the user's own, and those that mention the user: if it is near the earlier mark, those that it passes, otherwise
 * those after it. So steps through a million unread messages read each of them once. A row that another transaction has
 * written since the statement began is not updated; see `markReadQuery`.
 */
export function moveGroupMarksQuery(
  id: ConversationId,
  userIds: readonly UserId[],
  upToSeqs: readonly (number | null)[],
) {
  return sql<MarkedRow>`
with target as (
  select m.conversation_id, m.user_id, m.role, m.last_read_seq, m.read_at, m.marked_unread, c.last_seq, c.counted, c.member_count,
    c.members_seq, m.version, s.seq, s.seq - m.last_read_seq < c.last_seq - s.seq as is_near
  from unnest(${userIds}::text[], ${upToSeqs}::bigint[]) as i (user_id, up_to_seq)
  cross join lateral (
    select c.last_seq, c.counted, c.member_count, c.members_seq from conversations c
    where c.id = ${id}::uuid and c.kind = 'group'
    limit 1
  ) c
  cross join lateral (
    select m.conversation_id, m.user_id, m.role, m.last_read_seq, m.read_at, m.marked_unread, m.xmin as version
    from members m
    where m.conversation_id = ${id}::uuid and m.user_id = i.user_id
    limit 1
  ) m
  cross join lateral (
    select greatest(m.last_read_seq, least(coalesce(i.up_to_seq, c.last_seq), c.last_seq)) as seq
  ) s
), marked as (
  update members m
  set
    last_read_seq = t.seq,
    read_at = case when m.last_read_seq < t.seq then now() else m.read_at end,
    read_counted = case when t.seq = t.last_seq then t.counted else coalesce((
      select r.counted_at from messages r where r.conversation_id = ${id}::uuid and r.seq = t.seq
    ), 0) end,
    own_after = case
      when t.seq = t.last_seq then 0
      when t.is_near then greatest(0, m.own_after - (
        select count(*) from messages o
        where o.conversation_id = ${id}::uuid and o.seq > t.last_read_seq and o.seq <= t.seq and ${OWN}
      ))
      else (select count(*) from messages o where o.conversation_id = ${id}::uuid and o.seq > t.seq and ${OWN})
    end,
    mention_count = case
      when t.seq = t.last_seq or m.mention_count = 0 then 0
      when t.is_near then greatest(0, m.mention_count - (
        select count(*) from messages o
        where o.conversation_id = ${id}::uuid and o.seq > t.last_read_seq and o.seq <= t.seq and ${MENTIONS}
      ))
      else (select count(*) from messages o where o.conversation_id = ${id}::uuid and o.seq > t.seq and ${MENTIONS})
    end,
    marked_unread = null
  from target t
  where m.conversation_id = t.conversation_id and m.user_id = t.user_id and m.conversation_id = any(${[id]}::uuid[])
    and t.role is not null and m.xmin = t.version
    and (m.last_read_seq < t.seq or m.marked_unread)
  returning m.user_id, m.last_read_seq, m.read_at
)
select t.user_id, t.role is not null as is_member, t.seq as up_to_seq, coalesce(m.read_at, t.read_at) as read_at,
  coalesce(m.last_read_seq > t.last_read_seq, false) as advanced, t.members_seq,
  t.member_count <= ${LIMITS.smallGroup}::integer as is_small,
  t.role is not null and (t.last_read_seq < t.seq or coalesce(t.marked_unread, false)) and m.user_id is null
    as is_missed
from target t
left join marked m on m.user_id = t.user_id`;
}
