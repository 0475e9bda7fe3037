-- A message to change, with the right of the user to see it.
select w.role, w.is_visible, w.other_user_id,
    m.conversation_id, m.seq, m.id, m.sender_id, m.client_message_id, m.content, m.attachments, m.created_at,
    m.counted_at, m.extra, m.reactions, m.rev, m.edited_at, m.deleted_at, m.deleted_by
from (
  select 'member' as role, true as is_visible, (
    select o.user_id from participants o where o.conversation_id = $1::uuid and o.user_id <> $2 limit 1
  ) as other_user_id
  from participants p
  where p.conversation_id = $3::uuid and p.user_id = $4
  union all
  select g.role, exists (
    select from memberships v
    where v.conversation_id = $5::uuid and v.user_id = $6 and v.from_seq <= $7::bigint
      and (v.to_seq is null or v.to_seq >= $8::bigint)
  ), null
  from members g
  where g.conversation_id = $9::uuid and g.user_id = $10
) w
left join lateral (
  select
    m.conversation_id, m.seq, m.id, m.sender_id, m.client_message_id, m.content, m.attachments, m.created_at,
    m.counted_at, m.extra, m.reactions, m.rev, m.edited_at, m.deleted_at, m.deleted_by
  from messages m
  where m.conversation_id = $11::uuid and m.seq = $12::bigint
  limit 1
) m on true
