-- Members who have read a message.
select
  coalesce((array_agg(m.user_id order by m.user_id) filter (where m.last_read_seq >= s.seq))[1:$1::integer], '{}')
    as user_ids,
  (count(m.user_id) filter (where m.last_read_seq >= s.seq))::integer as count,
  count(m.user_id)::integer as of
from (
  select s.conversation_id, s.seq, s.sender_id from messages s where s.conversation_id = $2::uuid and s.seq = $3::bigint
) s
cross join lateral (
  select m.user_id, m.last_read_seq from members m
  where m.conversation_id = s.conversation_id and m.role is not null and m.user_id <> s.sender_id
  limit $4::integer
) m
