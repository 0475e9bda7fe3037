-- The members who may see a message.
select m.user_id
from members m
cross join lateral (
  select from memberships w
  where w.conversation_id = m.conversation_id and w.user_id = m.user_id and w.from_seq <= $1::bigint
    and (w.to_seq is null or w.to_seq >= $2::bigint)
  limit 1
) w
where m.conversation_id = $3::uuid and m.role is not null
