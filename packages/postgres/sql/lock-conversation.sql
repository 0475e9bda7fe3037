-- Locks a conversation for writes of groups and changes.
select now()::timestamptz(3) as now, c.id, c.kind, c.title, c.created_at, c.last_seq, c.counted, c.member_count,
  c.members_seq, c.has_room, c.last_rev, c.last_deletion_seq, c.last_all_seq
from conversations c
where c.id = $1::uuid
for no key update
