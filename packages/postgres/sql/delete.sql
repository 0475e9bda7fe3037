-- Removes the content of a message, its versions and reactions.
with versions as (
  update message_versions v set content = null where v.conversation_id = $1::uuid and v.seq = $2::bigint
), reacted as (
  delete from reactions r where r.conversation_id = $3::uuid and r.seq = $4::bigint
)
update messages m
set content = null, attachments = null, extra = null, reactions = null, deleted_at = now(), deleted_by = $5,
  rev = $6::bigint
where m.conversation_id = $7::uuid and m.seq = $8::bigint
