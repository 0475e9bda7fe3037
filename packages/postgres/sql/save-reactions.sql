-- Writes the counts of the reactions to a message.
update messages m set reactions = $1::jsonb, rev = $2::bigint
where m.conversation_id = $3::uuid and m.seq = $4::bigint
