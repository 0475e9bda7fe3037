-- Makes users members of a group.
insert into members (conversation_id, user_id, role, last_read_seq, read_counted)
select $1::uuid, i.user_id, i.role, $2::bigint, $3::bigint
from unnest($4::text[], $5::text[]) as i (user_id, role)
on conflict (conversation_id, user_id) do update
set role = excluded.role, joined_at = now(), left_at = null, last_read_seq = excluded.last_read_seq,
  read_counted = excluded.read_counted, own_after = 0, mention_count = 0, read_at = null, delivered_seq = null,
  archived_counted = null, marked_unread = null
