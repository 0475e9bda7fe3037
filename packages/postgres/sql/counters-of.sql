-- Some unread counters, each with the last seq of its conversation.
select
  p.conversation_id as "conversationId",
  p.user_id as "userId",
  p.unread_count as "unreadCount",
  p.last_read_seq as "lastReadSeq",
  c.last_seq as "lastSeq",
  coalesce(c.last_rev, 0) as "lastRev",
  p.xmin::text as version
from unnest($1::uuid[], $2::text[]) k (conversation_id, user_id)
cross join lateral (
  select p.conversation_id, p.user_id, p.unread_count, p.last_read_seq, p.xmin from participants p
  where p.conversation_id = k.conversation_id and p.user_id = k.user_id
  limit 1
) p
cross join lateral (select last_seq, last_rev from conversations where id = p.conversation_id limit 1) c
