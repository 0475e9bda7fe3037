-- The conversations of some users with activity after a position, oldest activity first.
select i.ord, now() as read_at, f.activity_at,
  f.id, f.last_seq, f.updated_at, f.unread_count, f.own_read_seq, f.own_read_at,
  f.other_user_id, f.other_read_seq, f.other_read_at,
  m.id as message_id, m.sender_id, m.client_message_id, m.content, m.attachments, m.created_at
from unnest(
  $1::text[], $2::timestamptz[], $3::uuid[], $4::integer[]
) with ordinality as i (user_id, after_activity, after_id, size, ord)
left join lateral (
  select a.activity_at, c.id, c.last_seq, c.updated_at, p.unread_count, p.last_read_seq as own_read_seq,
    p.read_at as own_read_at, o.user_id as other_user_id, o.last_read_seq as other_read_seq, o.read_at as other_read_at
  from participants p
  cross join lateral (
    select c.id, c.last_seq, c.updated_at from conversations c where c.id = p.conversation_id limit 1
  ) c
  left join lateral (
    select o.user_id, o.last_read_seq, o.read_at from participants o
    where o.conversation_id = p.conversation_id and o.user_id <> p.user_id
    limit 1
  ) o on true
  cross join lateral (select greatest(c.updated_at, p.read_at, o.read_at) as activity_at) a
  where p.user_id = i.user_id and (a.activity_at, c.id) > (i.after_activity, i.after_id)
  order by a.activity_at, c.id
  limit i.size
) f on true
left join lateral (
  select m.id, m.sender_id, m.client_message_id, m.content, m.attachments, m.created_at from messages m
  where m.conversation_id = f.id and m.seq = f.last_seq
  limit 1
) m on true
order by i.ord, f.activity_at, f.id
