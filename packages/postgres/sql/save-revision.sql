-- Writes the number of the last change of a message.
update conversations c
set last_rev = $1::bigint, changed_at = now(),
  last_deletion_seq = nullif($2::bigint, 0)
where c.id = $3::uuid
