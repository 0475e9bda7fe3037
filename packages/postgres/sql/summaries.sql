-- The unread total of some users, with the newest conversations that have unread messages.
select
  (select coalesce(sum(p.unread_count), 0) from participants p where p.user_id = i.user_id)::integer as count,
  (
    select coalesce(jsonb_agg(jsonb_build_object('conversationId', n.conversation_id, 'count', n.unread_count)), '[]')
    from (
      select p.conversation_id, p.unread_count
      from participants p
      where p.user_id = i.user_id and p.unread_count > 0
      order by p.conversation_id desc
      limit $1
    ) n
  ) as conversations
from unnest($2::text[]) with ordinality as i (user_id, ord)
order by i.ord
