-- The direct conversation of a pair.
select c.id, c.created_at
from direct_conversations d
cross join lateral (select id, created_at from conversations where id = d.conversation_id limit 1) c
where d.user_low = $1 and d.user_high = $2
