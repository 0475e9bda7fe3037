-- Number of messages of other users in some ranges of seq.
select (
  select count(*)::integer from messages m
  where m.conversation_id = r.conversation_id and m.seq > r.from_seq and m.seq <= r.to_seq and m.sender_id <> r.user_id
    and m.deleted_at is null
) as count
from unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[])
  with ordinality as r (conversation_id, user_id, from_seq, to_seq, ord)
order by r.ord
