-- Corrects unread counters that have not changed since they were read.
update participants p
set unread_count = d.truth
from unnest($1::uuid[], $2::text[], $3::bigint[], $4::integer[], $5::integer[])
  d (conversation_id, user_id, last_read_seq, unread_count, truth)
where p.conversation_id = d.conversation_id and p.user_id = d.user_id
  and p.conversation_id = any($6::uuid[])
  and p.last_read_seq = d.last_read_seq and p.unread_count = d.unread_count
returning p.conversation_id as "conversationId", p.user_id as "userId"
