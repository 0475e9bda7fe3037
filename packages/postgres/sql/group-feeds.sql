-- The groups of some users with activity after a position, oldest activity first.
select i.ord, f.activity_at, f.id, f.last_seq, f.last_rev, f.updated_at, f.unread_count, f.mentions, f.own_read_seq,
  f.own_read_at, f.title, f.role, f.member_count, f.windows, f.marks, f.muted, f.archived, f.marked_unread,
  last.message_id, last.sender_id, last.client_message_id, last.content, last.attachments, last.created_at, last.counted_at, last.extra, last.reactions, last.rev, last.edited_at, last.deleted_at, last.deleted_by
from unnest(
  $1::text[], $2::timestamptz[], $3::uuid[], $4::integer[]
) with ordinality as i (user_id, after_activity, after_id, size, ord)
cross join lateral (
  select a.activity_at, c.id, case when m.role is null then (
    select max(w.to_seq) from memberships w where w.conversation_id = m.conversation_id and w.user_id = m.user_id
  ) else c.last_seq end as last_seq, c.last_rev, a.updated_at,
    case when m.role is null then 0 else (
  c.counted - m.read_counted - m.own_after
  - case when c.last_deletion_seq > m.last_read_seq then (
      select count(*) from deletions d
      where d.conversation_id = m.conversation_id and d.seq > m.last_read_seq and d.sender_id <> m.user_id
    ) else 0 end
)::integer end as unread_count, case when m.role is null then 0 else (
  m.mention_count
  + case when c.last_all_seq > m.last_read_seq then (
      select count(*) from all_mentions a
      where a.conversation_id = m.conversation_id and a.seq > m.last_read_seq and a.sender_id <> m.user_id
    ) else 0 end
)::integer end as mentions, m.last_read_seq as own_read_seq,
    m.read_at as own_read_at,
  case when m.role is null then coalesce(m.left_title, c.title) else c.title end as title, m.role,
  case when m.role is null then coalesce(m.left_count, c.member_count) else c.member_count end as member_count, (
    select jsonb_agg(jsonb_build_object('fromSeq', w.from_seq, 'toSeq', w.to_seq) order by w.from_seq)
    from memberships w
    where w.conversation_id = m.conversation_id and w.user_id = m.user_id
  ) as windows, o.marks, m.muted, m.archived_counted is not null and (m.role is null or m.archived_counted >= c.counted) as archived, m.marked_unread
  from members m
  cross join lateral (
    select c.id, c.title, c.member_count, c.last_seq, c.last_rev, c.updated_at, c.changed_at, c.counted,
      c.last_deletion_seq, c.last_all_seq
    from conversations c
    where c.id = m.conversation_id
    limit 1
  ) c
  left join lateral (
    select max(o.read_at) as read_at, jsonb_agg(
        jsonb_build_object('userId', o.user_id, 'upToSeq', o.last_read_seq, 'readAt', o.read_at) order by o.user_id
      ) as marks
    from (
      select o.user_id, o.last_read_seq, o.read_at from members o
      where o.conversation_id = m.conversation_id and o.role is not null and m.role is not null
        and c.member_count <= $5::integer
      limit $6::integer
    ) o
  ) o on true
  cross join lateral (
    select u.updated_at, greatest(
        u.updated_at, m.read_at, o.read_at, case when m.role is not null then c.changed_at end
      ) as activity_at
    from (
      select case when m.role is null then coalesce(m.left_at, c.updated_at) else c.updated_at end as updated_at
    ) u
  ) a
  where m.user_id = i.user_id and (a.activity_at, c.id) > (i.after_activity, i.after_id)
  order by a.activity_at, c.id
  limit i.size
) f
left join lateral (
  select m.id as message_id, m.sender_id, m.client_message_id, m.content, m.attachments, m.created_at, m.counted_at, m.extra, m.reactions, m.rev, m.edited_at, m.deleted_at, m.deleted_by
  from messages m
  where m.conversation_id = f.id and m.seq = f.last_seq
  limit 1
) last on true
order by i.ord, f.activity_at, f.id
