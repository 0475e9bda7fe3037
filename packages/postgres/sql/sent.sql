-- The message that a user has sent with a client message id.
select o.user_id as receiver_id,
    m.conversation_id, m.seq, m.id, m.sender_id, m.client_message_id, m.content, m.attachments, m.created_at,
    m.counted_at, m.extra, m.reactions, m.rev, m.edited_at, m.deleted_at, m.deleted_by
from messages m
left join lateral (
  select o.user_id from participants o
  where o.conversation_id = m.conversation_id and o.user_id <> m.sender_id
  limit 1
) o on true
where m.conversation_id = $1::uuid and m.sender_id = $2 and m.client_message_id = $3
limit 1
