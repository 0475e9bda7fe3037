-- A page of the unread counters of a user, each with the last seq of its conversation.
select
  p.conversation_id as "conversationId",
  p.user_id as "userId",
  p.unread_count as "unreadCount",
  p.last_read_seq as "lastReadSeq",
  c.last_seq as "lastSeq",
  coalesce(c.last_rev, 0) as "lastRev",
  p.xmin::text as version
from participants p
cross join lateral (select last_seq, last_rev from conversations where id = p.conversation_id limit 1) c
where p.user_id = $1 and p.conversation_id > $2::uuid
order by p.conversation_id
limit $3
