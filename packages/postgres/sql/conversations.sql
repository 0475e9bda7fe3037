-- A page of the conversations of a user, newest activity first.
select c.id, c.last_seq, c.updated_at, p.unread_count, p.last_read_seq as own_read_seq,
  o.user_id as other_user_id, o.last_read_seq as other_read_seq,
  m.id as message_id, m.sender_id, m.client_message_id, m.content, m.attachments, m.created_at
from participants p
cross join lateral (
  select c.id, c.last_seq, c.updated_at from conversations c where c.id = p.conversation_id limit 1
) c
left join lateral (
  select o.user_id, o.last_read_seq from participants o
  where o.conversation_id = p.conversation_id and o.user_id <> p.user_id
  limit 1
) o on true
left join lateral (
  select m.id, m.sender_id, m.client_message_id, m.content, m.attachments, m.created_at from messages m
  where m.conversation_id = c.id and m.seq = c.last_seq
  limit 1
) m on true
where p.user_id = $1 and (c.updated_at, c.id) < ($2::timestamptz, $3::uuid)
order by c.updated_at desc, c.id desc
limit $4
