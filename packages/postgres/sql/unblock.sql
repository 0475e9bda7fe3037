-- Ends the block of a user.

delete
from blocks b
where b.user_id = $1
  and b.blocked_id = $2
