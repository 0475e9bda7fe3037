-- Two owners of a group.
select m.user_id
from members m
where m.conversation_id = $1::uuid
  and m.role = 'owner'
limit 2
