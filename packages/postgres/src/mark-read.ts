import { type MarkedRead, type ReadMark, readResult } from '@chat-cluster/domain';
import { sql } from 'kysely';
import type { Database } from './database.ts';

/** Moves read marks forward in one statement, as `MessageStore.markRead` of the domain requires. */
export async function markRead(db: Database, marks: readonly ReadMark[]): Promise<(MarkedRead | undefined)[]> {
  const { rows } = await markReadQuery(marks).execute(db);
  return readResult(() =>
    rows.map((row) =>
      row.up_to_seq === null
        ? undefined
        : {
            upToSeq: row.up_to_seq,
            readAt: row.read_at ?? new Date(0),
            advanced: row.advanced,
            unreadCount: row.unread_count,
          },
    ),
  );
}

interface MarkedRow {
  up_to_seq: number | null;
  read_at: Date | null;
  advanced: boolean;
  unread_count: number;
}

/**
 * `target`: the new position of each mark, never beyond the last message. `marked`: the rows that advance. Their unread
 * messages are counted anew, which also corrects a wrong counter. A statement does not see its own updates, so the
 * total of a user is the sum over the `untouched` rows and the `marked` rows.
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
  select i.ord, i.conversation_id, i.user_id, least(coalesce(i.up_to_seq, c.last_seq), c.last_seq) as seq
  from unnest(${columns[0]}::uuid[], ${columns[1]}::text[], ${columns[2]}::bigint[])
    with ordinality as i (conversation_id, user_id, up_to_seq, ord)
  left join conversations c on c.id = i.conversation_id and c.id = any(${columns[0]}::uuid[])
), marked as (
  update participants p
  set
    last_read_seq = t.seq,
    read_at = now(),
    unread_count = (
      select count(*) from messages m
      where m.conversation_id = t.conversation_id and m.seq > t.seq and m.sender_id <> t.user_id
    )
  from target t
  where p.conversation_id = t.conversation_id and p.user_id = t.user_id and p.last_read_seq < t.seq
    and p.conversation_id = any(${columns[0]}::uuid[])
  returning p.conversation_id, p.user_id, p.last_read_seq, p.read_at, p.unread_count
), untouched as materialized (
  select o.user_id, sum(o.unread_count) as count
  from participants o
  where o.user_id = any(${columns[1]}::text[])
    and not exists (select from marked n where n.user_id = o.user_id and n.conversation_id = o.conversation_id)
  group by o.user_id
)
select
  coalesce(m.last_read_seq, p.last_read_seq) as up_to_seq,
  coalesce(m.read_at, p.read_at) as read_at,
  m.user_id is not null as advanced,
  (
    coalesce((select u.count from untouched u where u.user_id = t.user_id), 0)
    + coalesce((select sum(n.unread_count) from marked n where n.user_id = t.user_id), 0)
  )::integer as unread_count
from target t
left join participants p on p.conversation_id = t.conversation_id and p.user_id = t.user_id
  and p.conversation_id = any(${columns[0]}::uuid[])
left join marked m on m.conversation_id = t.conversation_id and m.user_id = t.user_id
order by t.ord`;
}
