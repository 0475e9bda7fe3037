-- A page of the conversations of a user, newest activity first.
select c.id, c.last_seq, c.last_rev, c.updated_at, p.unread_count, p.last_read_seq as own_read_seq,
  o.user_id as other_user_id, o.last_read_seq as other_read_seq, p.muted, p.archived_seq >= c.last_seq as archived, p.marked_unread,
  last.message_id, last.sender_id, last.client_message_id, last.content, last.attachments, last.created_at, last.counted_at, last.extra, last.reactions, last.rev, last.edited_at, last.deleted_at, last.deleted_by
from participants p
cross join lateral (
  select c.id, c.last_seq, c.last_rev, c.updated_at from conversations c where c.id = p.conversation_id limit 1
) c
left join lateral (
  select o.user_id, o.last_read_seq from participants o
  where o.conversation_id = p.conversation_id and o.user_id <> p.user_id
  limit 1
) o on true
left join lateral (
  select m.id as message_id, m.sender_id, m.client_message_id, m.content, m.attachments, m.created_at, m.counted_at, m.extra, m.reactions, m.rev, m.edited_at, m.deleted_at, m.deleted_by
  from messages m
  where m.conversation_id = c.id and m.seq = c.last_seq
  limit 1
) last on true
where p.user_id = $1 and (c.updated_at, c.id) < ($2::timestamptz, $3::uuid)
order by c.updated_at desc, c.id desc
limit $4
