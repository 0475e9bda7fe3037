-- Some groups with their read marks, for users who are or were members.
select i.ord,
  case when m.role is null then coalesce(m.left_title, c.title) else c.title end as title, m.role,
  case when m.role is null then coalesce(m.left_count, c.member_count) else c.member_count end as member_count, (
    select jsonb_agg(jsonb_build_object('fromSeq', w.from_seq, 'toSeq', w.to_seq) order by w.from_seq)
    from memberships w
    where w.conversation_id = m.conversation_id and w.user_id = m.user_id
  ) as windows,
  case when m.role is null then (
    select max(w.to_seq) from memberships w where w.conversation_id = m.conversation_id and w.user_id = m.user_id
  ) else c.last_seq end as last_seq, c.last_rev, m.last_read_seq, m.read_at, m.muted, m.archived_counted is not null and (m.role is null or m.archived_counted >= c.counted) as archived, m.marked_unread,
  case when m.role is not null and c.member_count <= $1::integer then (
    select jsonb_agg(
      jsonb_build_object(
        'userId', o.user_id, 'upToSeq', o.last_read_seq, 'readAt', o.read_at, 'delivered', o.delivered_seq
      )
      order by o.user_id
    )
    from (
      select o.user_id, o.last_read_seq, o.read_at, o.delivered_seq from members o
      where o.conversation_id = m.conversation_id and o.role is not null
      limit $2::integer
    ) o
  ) end as marks
from unnest($3::uuid[], $4::text[])
  with ordinality as i (conversation_id, user_id, ord)
cross join lateral (
  select m.conversation_id, m.user_id, m.role, m.left_title, m.left_count, m.last_read_seq, m.read_at, m.muted,
    m.archived_counted, m.marked_unread
  from members m
  where m.conversation_id = i.conversation_id and m.user_id = i.user_id
  limit 1
) m
cross join lateral (
  select c.title, c.member_count, c.last_seq, c.last_rev, c.counted from conversations c
  where c.id = m.conversation_id
  limit 1
) c
