-- Which of the messages that some replies quote are deleted.
select q.conversation_id, q.seq
from unnest(
  $1::uuid[], $2::bigint[]
) as q (conversation_id, seq)
cross join lateral (
  select from messages m
  where m.conversation_id = q.conversation_id and m.seq = q.seq and m.deleted_at is not null
  limit 1
) m
