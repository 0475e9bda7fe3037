-- The direct conversation of two users, with its last seq and the read mark of each.
select c.id, c.last_seq, p.user_id, p.last_read_seq
from direct_conversations d
cross join lateral (select c.id, c.last_seq from conversations c where c.id = d.conversation_id limit 1) c
cross join lateral (
  select p.user_id, p.last_read_seq from participants p where p.conversation_id = c.id limit 2
) p
where d.user_low = $1 and d.user_high = $2
