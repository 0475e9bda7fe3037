-- The members of some groups, if they are few.
select i.ord, m.user_id
from unnest($1::uuid[]) with ordinality as i (conversation_id, ord)
cross join lateral (
  select from conversations c where c.id = i.conversation_id and c.member_count <= $2::integer limit 1
) c
cross join lateral (
  select m.user_id from members m
  where m.conversation_id = i.conversation_id and m.role is not null
  limit $3::integer
) m
