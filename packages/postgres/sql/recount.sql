-- The unread total of some users, with their counts in some conversations.
select
  p.user_id as "userId",
  sum(p.unread_count)::integer as count,
  coalesce(
    jsonb_agg(jsonb_build_object('conversationId', p.conversation_id, 'count', p.unread_count))
      filter (where p.conversation_id = any($1::uuid[])),
    '[]'
  ) as conversations,
  p.user_id = any(array(select g.user_id from user_groups g where g.user_id = any($2::text[]))) as has_more
from participants p
where p.user_id = any($3::text[])
group by p.user_id
