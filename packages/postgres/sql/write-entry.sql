-- Writes an entry about the group itself.
insert into messages (conversation_id, seq, id, sender_id, client_message_id, counted_at, extra)
values ($1::uuid, $2::bigint, $3::uuid, $4, $5,
  $6::bigint, $7::jsonb)
