-- The entry of an earlier change with the same key.
select
    m.conversation_id, m.seq, m.id, m.sender_id, m.client_message_id, m.content, m.attachments, m.created_at,
    m.counted_at, m.extra, m.reactions, m.rev, m.edited_at, m.deleted_at, m.deleted_by
from messages m
where m.conversation_id = $1::uuid and m.sender_id = $2 and m.client_message_id = $3
limit 1
