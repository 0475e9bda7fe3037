import { sql } from 'kysely';

/*
 * The arithmetic of unread messages of a group. A message of a group writes no row per member: the conversation counts
 * its messages, and a member stores `counted` at its read mark and the number of its own messages after it.
 *
 *   unread = counted − read_counted − own_after − deleted messages of others after the read mark
 *
 * The fragments need the aliases `m` (members) and `c` (conversations). The tables are read only if a deleted message,
 * or one that mentions all, is after the mark.
 */

/** 0 for a former member, whose row stays: a user who was removed gets a badge without the group. */
export const GROUP_UNREAD = sql.raw(`case when m.role is null then 0 else (
  c.counted - m.read_counted - m.own_after
  - case when c.last_deletion_seq > m.last_read_seq then (
      select count(*) from deletions d
      where d.conversation_id = m.conversation_id and d.seq > m.last_read_seq and d.sender_id <> m.user_id
    ) else 0 end
)::integer end`);

/** A former member has none. */
export const GROUP_MENTIONS = sql.raw(`case when m.role is null then 0 else (
  m.mention_count
  + case when c.last_all_seq > m.last_read_seq then (
      select count(*) from all_mentions a
      where a.conversation_id = m.conversation_id and a.seq > m.last_read_seq and a.sender_id <> m.user_id
    ) else 0 end
)::integer end`);
