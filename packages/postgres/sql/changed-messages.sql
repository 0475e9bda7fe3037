-- Messages of a conversation that have changed, by the number of their change.
select coalesce(c.last_rev, 0) as last_rev, o.user_id as receiver_id,
    m.conversation_id, m.seq, m.id, m.sender_id, m.client_message_id, m.content, m.attachments, m.created_at,
    m.counted_at, m.extra, m.reactions, m.rev, m.edited_at, m.deleted_at, m.deleted_by
from conversations c
left join lateral (
  select
    m.conversation_id, m.seq, m.id, m.sender_id, m.client_message_id, m.content, m.attachments, m.created_at,
    m.counted_at, m.extra, m.reactions, m.rev, m.edited_at, m.deleted_at, m.deleted_by
  from messages m
  where m.conversation_id = c.id and m.rev > 0 and m.rev > $1::bigint and m.seq <= $2::bigint
  order by m.rev
  limit $3
) m on true
left join lateral (
  select o.user_id from participants o
  where o.conversation_id = m.conversation_id and o.user_id <> m.sender_id
  limit 1
) o on true
where c.id = $4::uuid
order by m.rev
