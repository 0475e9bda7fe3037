-- The unread total of some users, with the newest conversations that have unread messages.
select s.count, s.conversations, i.user_id = any(array(select g.user_id from user_groups g where g.user_id = any($1::text[]))) as has_more
from unnest($2::text[]) with ordinality as i (user_id, ord)
cross join lateral (
  select
    coalesce(sum(p.unread_count), 0)::integer as count,
    coalesce(to_jsonb((
      array_agg(
        jsonb_build_object('conversationId', p.conversation_id, 'count', p.unread_count)
        order by p.conversation_id desc
      ) filter (where p.unread_count > 0)
    )[1:$3::integer]), '[]') as conversations
  from participants p
  where p.user_id = i.user_id
) s
order by i.ord
