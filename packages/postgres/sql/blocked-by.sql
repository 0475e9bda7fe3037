-- The users that a user has blocked.

select b.blocked_id
from blocks b
where b.user_id = $1
order by b.blocked_id
