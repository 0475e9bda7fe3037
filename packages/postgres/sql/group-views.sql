-- A group as some users see it.
select c.id, m.user_id, c.created_at, case when m.role is null then (
    select max(w.to_seq) from memberships w where w.conversation_id = m.conversation_id and w.user_id = m.user_id
  ) else c.last_seq end as last_seq,
  case when m.role is null then coalesce(m.left_title, c.title) else c.title end as title, m.role,
  case when m.role is null then coalesce(m.left_count, c.member_count) else c.member_count end as member_count, (
    select jsonb_agg(jsonb_build_object('fromSeq', w.from_seq, 'toSeq', w.to_seq) order by w.from_seq)
    from memberships w
    where w.conversation_id = m.conversation_id and w.user_id = m.user_id
  ) as windows
from conversations c
cross join lateral (
  select m.conversation_id, m.user_id, m.role, m.left_title, m.left_count from members m
  where m.conversation_id = c.id and m.user_id = any($1::text[])
) m
where c.id = $2::uuid
