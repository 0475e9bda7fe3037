-- Some groups as a member, or former member, may use them.
select i.ord,
  case when m.role is null then coalesce(m.left_title, c.title) else c.title end as title, m.role,
  case when m.role is null then coalesce(m.left_count, c.member_count) else c.member_count end as member_count, (
    select jsonb_agg(jsonb_build_object('fromSeq', w.from_seq, 'toSeq', w.to_seq) order by w.from_seq)
    from memberships w
    where w.conversation_id = m.conversation_id and w.user_id = m.user_id
  ) as windows
from unnest($1::uuid[], $2::text[])
  with ordinality as i (conversation_id, user_id, ord)
cross join lateral (
  select m.conversation_id, m.user_id, m.role, m.left_title, m.left_count from members m
  where m.conversation_id = i.conversation_id and m.user_id = i.user_id
  limit 1
) m
cross join lateral (
  select c.title, c.member_count from conversations c where c.id = m.conversation_id limit 1
) c
