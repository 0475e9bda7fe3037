-- The conversations of some users with activity after a position, oldest activity first.
select i.ord, now() as read_at, exists (
    select from user_groups g where g.user_id = i.user_id and i.size > 0
  ) as has_groups,
  f.activity_at, f.id, f.last_seq, f.last_rev, f.updated_at, f.unread_count, f.own_read_seq, f.own_read_at,
  f.other_user_id, f.other_read_seq, f.other_read_at, f.muted, f.archived, f.marked_unread,
  last.message_id, last.sender_id, last.client_message_id, last.content, last.attachments, last.created_at, last.counted_at, last.extra, last.reactions, last.rev, last.edited_at, last.deleted_at, last.deleted_by
from unnest(
  $1::text[], $2::timestamptz[], $3::uuid[], $4::integer[]
) with ordinality as i (user_id, after_activity, after_id, size, ord)
left join lateral (
  select a.activity_at, c.id, c.last_seq, c.last_rev, c.updated_at, p.unread_count, p.last_read_seq as own_read_seq,
    p.read_at as own_read_at, o.user_id as other_user_id, o.last_read_seq as other_read_seq, o.read_at as other_read_at,
    p.muted, p.archived_seq >= c.last_seq as archived, p.marked_unread
  from participants p
  cross join lateral (
    select c.id, c.last_seq, c.last_rev, c.updated_at, c.changed_at from conversations c
    where c.id = p.conversation_id
    limit 1
  ) c
  left join lateral (
    select o.user_id, o.last_read_seq, o.read_at from participants o
    where o.conversation_id = p.conversation_id and o.user_id <> p.user_id
    limit 1
  ) o on true
  cross join lateral (select greatest(c.updated_at, c.changed_at, p.read_at, o.read_at) as activity_at) a
  where p.user_id = i.user_id and (a.activity_at, c.id) > (i.after_activity, i.after_id)
  order by a.activity_at, c.id
  limit i.size
) f on true
left join lateral (
  select m.id as message_id, m.sender_id, m.client_message_id, m.content, m.attachments, m.created_at, m.counted_at, m.extra, m.reactions, m.rev, m.edited_at, m.deleted_at, m.deleted_by
  from messages m
  where m.conversation_id = f.id and m.seq = f.last_seq
  limit 1
) last on true
order by i.ord, f.activity_at, f.id
