-- Edits a message, and keeps the version before.
with kept as (
  insert into message_versions (conversation_id, seq, version, content, edited_by, change_id)
  values ($1::uuid, $2::bigint, $3::integer, $4::text, $5, $6)
)
update messages m
set content = $7::text, extra = $8::jsonb, edited_at = now(), rev = $9::bigint
where m.conversation_id = $10::uuid and m.seq = $11::bigint
