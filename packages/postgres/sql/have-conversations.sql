-- Which of some pairs of users have a conversation.
select i.ord
from unnest($1::text[], $2::text[])
  with ordinality as i (user_low, user_high, ord)
cross join lateral (
  (select from direct_conversations d where d.user_low = i.user_low and d.user_high = i.user_high limit 1)
  union all
  (
    select
    from members a
    cross join lateral (
      select from members b
      where b.conversation_id = a.conversation_id and b.user_id = i.user_high and b.role is not null
      limit 1
    ) b
    cross join lateral (
      select from conversations c
      where c.id = a.conversation_id and c.member_count <= $3::integer
      limit 1
    ) c
    where a.user_id = i.user_low and a.role is not null
    limit 1
  )
  limit 1
) d
