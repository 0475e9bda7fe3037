-- As recount, for users with groups or settings.
select
  u.user_id as "userId",
    coalesce(sum(u.unread) filter (where u.muted is not true), 0)::integer as count,
    coalesce(sum(u.unread) filter (where u.muted), 0)::integer as muted,
    coalesce(sum(u.mentions), 0)::integer as mentions,
  coalesce(
    jsonb_agg(jsonb_build_object('conversationId', u.conversation_id, 'count', u.unread))
      filter (where u.conversation_id = any($1::uuid[])),
    '[]'
  ) as conversations
from (
  select p.user_id, p.conversation_id, p.unread_count as unread, p.muted, 0 as mentions, false as has_room
  from participants p
  where p.user_id = any($2::text[])
  union all
    select m.user_id, m.conversation_id, case when m.role is null then 0 else (
  c.counted - m.read_counted - m.own_after
  - case when c.last_deletion_seq > m.last_read_seq then (
      select count(*) from deletions d
      where d.conversation_id = m.conversation_id and d.seq > m.last_read_seq and d.sender_id <> m.user_id
    ) else 0 end
)::integer end as unread, m.muted, case when m.role is null then 0 else (
  m.mention_count
  + case when c.last_all_seq > m.last_read_seq then (
      select count(*) from all_mentions a
      where a.conversation_id = m.conversation_id and a.seq > m.last_read_seq and a.sender_id <> m.user_id
    ) else 0 end
)::integer end as mentions,
      c.has_room and m.role is not null as has_room
    from members m
    cross join lateral (
      select c.counted, c.last_deletion_seq, c.last_all_seq, c.has_room from conversations c where c.id = m.conversation_id limit 1
    ) c
  where m.user_id = any($3::text[])
) u
group by u.user_id
