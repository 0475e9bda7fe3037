-- Last seq of a conversation, and the read marks of its participants.
select c.last_seq, p.user_id, p.last_read_seq as read_seq
from (select id, last_seq from conversations where id = $1::uuid limit 1) c
cross join lateral (
  (select p.user_id, p.last_read_seq from participants p where p.conversation_id = c.id limit 2)
  union all
  (
    select m.user_id, m.last_read_seq from members m
    where m.conversation_id = c.id and m.role is not null
    limit 100
  )
) p
order by p.user_id
