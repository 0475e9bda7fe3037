-- Of which pairs of users one has blocked the other.
select i.ord
from unnest($1::text[], $2::text[]) with ordinality as i (a, b, ord)
cross join lateral (
  (select from blocks b where b.user_id = i.a and b.blocked_id = i.b limit 1)
  union all
  (select from blocks b where b.user_id = i.b and b.blocked_id = i.a limit 1)
  limit 1
) found
