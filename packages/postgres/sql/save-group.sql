-- Writes the state of a group after a change of it.
update conversations c
set title = $1::text, last_seq = $2::bigint, member_count = $3::integer,
  members_seq = $4::bigint, has_room = $5::boolean, updated_at = now()
where c.id = $6::uuid
