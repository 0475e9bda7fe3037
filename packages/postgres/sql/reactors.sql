-- Users who reacted to a message with an emoji.
select r.user_id
from reactions r
where r.conversation_id = $1::uuid and r.seq = $2::bigint and r.emoji = $3
order by r.reacted_at, r.user_id
limit $4
