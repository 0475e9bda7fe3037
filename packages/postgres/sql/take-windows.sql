-- Removes windows that a new one joins.
delete from memberships w
where w.conversation_id = $1::uuid and w.user_id = any($2::text[]) and w.to_seq >= $3::bigint - 1
returning w.user_id, w.from_seq
