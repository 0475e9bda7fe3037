-- The last version of a message, and whether a change was made before.
select max(v.version) as version,
  coalesce(bool_or(v.change_id = $1 and v.edited_by = $2), false) as is_repeated
from message_versions v
where v.conversation_id = $3::uuid and v.seq = $4::bigint
