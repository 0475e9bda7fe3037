-- The last version of a message, and whether a change was made before.
select max(v.version) as version, coalesce(bool_or(v.change_id = $1), false) as is_repeated
from message_versions v
where v.conversation_id = $2::uuid and v.seq = $3::bigint
