-- Roles of the senders of some messages, and earlier messages with the same keys.
select s.role, s.is_known,
    m.conversation_id, m.seq, m.id, m.sender_id, m.client_message_id, m.content, m.attachments, m.created_at,
    m.counted_at, m.extra, m.reactions, m.rev, m.edited_at, m.deleted_at, m.deleted_by
from unnest(
  $1::uuid[], $2::text[],
  $3::text[]
) with ordinality as i (conversation_id, sender_id, client_message_id, ord)
left join lateral (
  select s.role, true as is_known from members s
  where s.conversation_id = i.conversation_id and s.user_id = i.sender_id
  limit 1
) s on true
left join lateral (
  select
    m.conversation_id, m.seq, m.id, m.sender_id, m.client_message_id, m.content, m.attachments, m.created_at,
    m.counted_at, m.extra, m.reactions, m.rev, m.edited_at, m.deleted_at, m.deleted_by
  from messages m
  where m.conversation_id = i.conversation_id and m.sender_id = i.sender_id
    and m.client_message_id = i.client_message_id
  limit 1
) m on true
order by i.ord
