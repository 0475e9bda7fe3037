-- Corrects unread counters that have not changed since they were read.
update participants p
set unread_count = d.truth
from unnest($1::uuid[], $2::text[], $3::text[], $4::integer[])
  d (conversation_id, user_id, version, truth)
where p.conversation_id = d.conversation_id and p.user_id = d.user_id
  and p.conversation_id = any($5::uuid[]) and p.xmin::text = d.version
returning p.conversation_id as "conversationId", p.user_id as "userId"
