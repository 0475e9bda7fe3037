-- Clears a reaction.
delete from reactions r
where r.conversation_id = $1::uuid and r.seq = $2::bigint and r.emoji = $3
  and r.user_id = $4
returning r.emoji
