-- Takes a deleted message off the counter of its receiver.
update participants p
set unread_count = greatest(0, p.unread_count - 1)
where p.conversation_id = $1::uuid and p.user_id <> $2
  and p.last_read_seq < $3::bigint
returning p.user_id
