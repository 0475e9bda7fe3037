-- As summaries, for users with groups or settings.
select s.count, s.muted, s.mentions, s.conversations, s.rooms
from unnest($1::text[]) with ordinality as i (user_id, ord)
cross join lateral (
  select
    coalesce(sum(u.unread) filter (where u.muted is not true), 0)::integer as count,
    coalesce(sum(u.unread) filter (where u.muted), 0)::integer as muted,
    coalesce(sum(u.mentions), 0)::integer as mentions,
    coalesce(to_jsonb((
      array_agg(
        jsonb_build_object('conversationId', u.conversation_id, 'count', u.unread)
        order by u.conversation_id desc
      ) filter (where u.unread > 0)
    )[1:$2::integer]), '[]') as conversations,
    coalesce(jsonb_agg(u.conversation_id) filter (where u.has_room), '[]') as rooms
  from (
    select p.user_id, p.conversation_id, p.unread_count as unread, p.muted, 0 as mentions, false as has_room
    from participants p
    where p.user_id = i.user_id
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
    where m.user_id = i.user_id
  ) u
) s
order by i.ord
