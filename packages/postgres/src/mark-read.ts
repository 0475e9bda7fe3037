import type { UserId } from '@chat-cluster/contracts';
import { type MarkedRead, type ReadMark, readResult } from '@chat-cluster/domain';
import { sql } from 'kysely';
import type { Database } from './database.ts';
import { recountWithGroupsQuery, usersWithMore } from './unread-counts.ts';

/**
 * Moves read marks forward in one statement, as `MessageStore.markRead` of the domain requires. Two more statements run
 * if one of the users has groups or settings; a fault between them is safe, because a mark may be set again.
 */
export async function markRead(db: Database, marks: readonly ReadMark[]): Promise<(MarkedRead | undefined)[]> {
  const rows = await moveMarks(db, marks);
  const withMore = marks.filter((_, i) => rows[i]?.has_more);
  const totals = withMore.length > 0 ? await endMarkedUnread(db, withMore) : undefined;
  return readResult(() =>
    rows.map((row, i) =>
      row.up_to_seq === null
        ? undefined
        : {
            upToSeq: row.up_to_seq,
            readAt: row.read_at ?? new Date(0),
            advanced: row.advanced,
            unreadCount: totals?.get((marks[i] as ReadMark).userId) ?? row.unread_count,
          },
    ),
  );
}

/** Repeats the statement while another transaction has written one of its rows after the statement began. */
async function moveMarks(db: Database, marks: readonly ReadMark[]): Promise<MarkedRow[]> {
  const advanced = new Set<number>();
  for (;;) {
    const { rows } = await markReadQuery(marks).execute(db);
    rows.forEach((row, i) => {
      if (row.advanced) advanced.add(i);
    });
    if (!rows.some((row) => row.is_missed)) return rows.map((row, i) => ({ ...row, advanced: advanced.has(i) }));
  }
}

/** A mark also ends `marked_unread`, even if it does not advance. Returns the total of each user. */
async function endMarkedUnread(db: Database, marks: readonly ReadMark[]): Promise<Map<UserId, number>> {
  await endMarkedUnreadQuery(marks).execute(db);
  const { rows } = await recountWithGroupsQuery([...new Set(marks.map(({ userId }) => userId))], []).execute(db);
  return new Map(rows.map((row) => [row.userId, row.count]));
}

export function endMarkedUnreadQuery(marks: readonly ReadMark[]) {
  const ids = marks.map((mark) => mark.conversationId);
  return sql`
update participants p
set marked_unread = null
from unnest(${ids}::uuid[], ${marks.map((mark) => mark.userId)}::text[]) as i (conversation_id, user_id)
where p.conversation_id = i.conversation_id and p.user_id = i.user_id and p.marked_unread
  and p.conversation_id = any(${ids}::uuid[])`;
}

interface MarkedRow {
  up_to_seq: number | null;
  read_at: Date | null;
  advanced: boolean;
  unread_count: number;
  has_more: boolean;
  /** Another transaction has written the row meanwhile, so the mark is not set. */
  is_missed: boolean;
}

/**
 * `target`: the new position of each mark, never beyond the last message. `marked`: the rows that advance. Their unread
 * messages are counted anew, which also corrects a wrong counter. A statement does not see its own updates, so the
 * total of a user is the sum over the `untouched` rows and the `marked` rows.
 *
 * A row that another transaction has written since the statement began is not updated: the statement does not see the
 * message or the deletion for which it was written, and would count without it. `xmin` shows such a write.
 *
 * `untouched` uses `= any` and is materialized. Otherwise a plan made on an empty table may scan the whole primary key,
 * whose second column is the user, once per mark, instead of using the index by user.
 */
export function markReadQuery(marks: readonly ReadMark[]) {
  const columns = [
    marks.map((mark) => mark.conversationId),
    marks.map((mark) => mark.userId),
    marks.map((mark) => mark.upToSeq),
  ] as const;
  return sql<MarkedRow>`
with target as (
  select i.ord, i.conversation_id, i.user_id, least(coalesce(i.up_to_seq, c.last_seq), c.last_seq) as seq,
    p.last_read_seq, p.read_at, p.xmin as version
  from unnest(${columns[0]}::uuid[], ${columns[1]}::text[], ${columns[2]}::bigint[])
    with ordinality as i (conversation_id, user_id, up_to_seq, ord)
  left join conversations c on c.id = i.conversation_id and c.id = any(${columns[0]}::uuid[])
  left join participants p on p.conversation_id = i.conversation_id and p.user_id = i.user_id
    and p.conversation_id = any(${columns[0]}::uuid[])
), marked as (
  update participants p
  set
    last_read_seq = t.seq,
    read_at = now(),
    unread_count = (
      select count(*) from messages m
      where m.conversation_id = t.conversation_id and m.seq > t.seq and m.sender_id <> t.user_id
        and m.deleted_at is null
    )
  from target t
  where p.conversation_id = t.conversation_id and p.user_id = t.user_id and p.last_read_seq < t.seq
    and p.conversation_id = any(${columns[0]}::uuid[]) and p.xmin = t.version
  returning p.conversation_id, p.user_id, p.last_read_seq, p.read_at, p.unread_count
), untouched as materialized (
  select o.user_id, sum(o.unread_count) as count
  from participants o
  where o.user_id = any(${columns[1]}::text[])
    and not exists (select from marked n where n.user_id = o.user_id and n.conversation_id = o.conversation_id)
  group by o.user_id
)
select
  coalesce(m.last_read_seq, t.last_read_seq) as up_to_seq,
  coalesce(m.read_at, t.read_at) as read_at,
  m.user_id is not null as advanced,
  (
    coalesce((select u.count from untouched u where u.user_id = t.user_id), 0)
    + coalesce((select sum(n.unread_count) from marked n where n.user_id = t.user_id), 0)
  )::integer as unread_count,
  t.user_id = ${usersWithMore(columns[1])} as has_more,
  m.user_id is null and coalesce(t.last_read_seq < t.seq, false) as is_missed
from target t
left join marked m on m.conversation_id = t.conversation_id and m.user_id = t.user_id
order by t.ord`;
}
