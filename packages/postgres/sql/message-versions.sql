-- Versions of a message before its edits.
select v.content, v.edited_at, v.edited_by
from message_versions v
where v.conversation_id = $1::uuid and v.seq = $2::bigint
order by v.version
