-- A page of the groups of a user, newest activity first.
select g.id, g.last_seq, g.last_rev, g.updated_at, g.unread_count, g.mentions, g.own_read_seq,
  g.title, g.role, g.member_count, g.windows, g.muted, g.archived, g.marked_unread,
  last.message_id, last.sender_id, last.client_message_id, last.content, last.attachments, last.created_at, last.counted_at, last.extra, last.reactions, last.rev, last.edited_at, last.deleted_at, last.deleted_by
from (
  select c.id, case when m.role is null then (
    select max(w.to_seq) from memberships w where w.conversation_id = m.conversation_id and w.user_id = m.user_id
  ) else c.last_seq end as last_seq, c.last_rev, a.updated_at, case when m.role is null then 0 else (
  c.counted - m.read_counted - m.own_after
  - case when c.last_deletion_seq > m.last_read_seq then (
      select count(*) from deletions d
      where d.conversation_id = m.conversation_id and d.seq > m.last_read_seq and d.sender_id <> m.user_id
    ) else 0 end
)::integer end as unread_count,
    case when m.role is null then 0 else (
  m.mention_count
  + case when c.last_all_seq > m.last_read_seq then (
      select count(*) from all_mentions a
      where a.conversation_id = m.conversation_id and a.seq > m.last_read_seq and a.sender_id <> m.user_id
    ) else 0 end
)::integer end as mentions, m.last_read_seq as own_read_seq,
  case when m.role is null then coalesce(m.left_title, c.title) else c.title end as title, m.role,
  case when m.role is null then coalesce(m.left_count, c.member_count) else c.member_count end as member_count, (
    select jsonb_agg(jsonb_build_object('fromSeq', w.from_seq, 'toSeq', w.to_seq) order by w.from_seq)
    from memberships w
    where w.conversation_id = m.conversation_id and w.user_id = m.user_id
  ) as windows, m.muted, m.archived_counted is not null and (m.role is null or m.archived_counted >= c.counted) as archived, m.marked_unread
  from members m
  cross join lateral (
    select c.id, c.title, c.member_count, c.last_seq, c.last_rev, c.updated_at, c.counted, c.last_deletion_seq,
      c.last_all_seq
    from conversations c
    where c.id = m.conversation_id
    limit 1
  ) c
  cross join lateral (
    select case when m.role is null then coalesce(m.left_at, c.updated_at) else c.updated_at end as updated_at
  ) a
  where m.user_id = $1 and (a.updated_at, c.id) < ($2::timestamptz, $3::uuid)
  order by a.updated_at desc, c.id desc
  limit $4
) g
left join lateral (
  select m.id as message_id, m.sender_id, m.client_message_id, m.content, m.attachments, m.created_at, m.counted_at, m.extra, m.reactions, m.rev, m.edited_at, m.deleted_at, m.deleted_by
  from messages m
  where m.conversation_id = g.id and m.seq = g.last_seq
  limit 1
) last on true
order by g.updated_at desc, g.id desc
