-- Ends the membership of a user and its window.
with ended as (
  update memberships w set to_seq = $1::bigint
  where w.conversation_id = $2::uuid and w.user_id = $3 and w.to_seq is null
)
update members m
set role = null, left_at = now(), left_title = $4::text, left_count = $5::integer, own_after = 0, mention_count = 0, marked_unread = null
where m.conversation_id = $6::uuid and m.user_id = $7
