-- Notes a deleted message of a group, and returns the members who have not read it.
with deleted as (
  insert into deletions (conversation_id, seq, sender_id)
  values ($1::uuid, $2::bigint, $3)
  on conflict do nothing
), unmentioned as (
  delete from all_mentions a where a.conversation_id = $4::uuid and a.seq = $5::bigint
)
select m.user_id from members m
where m.conversation_id = $6::uuid and m.user_id <> $7 and m.role is not null
  and m.last_read_seq < $8::bigint
