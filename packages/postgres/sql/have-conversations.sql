-- Which of some pairs of users have a conversation.
select i.ord
from unnest($1::text[], $2::text[])
  with ordinality as i (user_low, user_high, ord)
cross join lateral (
  select from direct_conversations d where d.user_low = i.user_low and d.user_high = i.user_high limit 1
) d
