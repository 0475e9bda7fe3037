-- Reactions of a user to some messages.
select i.seq, r.emoji
from unnest($1::bigint[]) as i (seq)
cross join lateral (
  select r.emoji from reactions r
  where r.conversation_id = $2::uuid and r.seq = i.seq and r.user_id = $3
) r
order by i.seq, r.emoji
