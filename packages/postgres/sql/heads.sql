-- Last seq and read marks of some conversations, for users who are in them.
select i.ord, c.last_seq, c.last_rev, o.user_id, o.last_read_seq, o.delivered_seq, o.read_at, p.muted, p.archived_seq >= c.last_seq as archived, p.marked_unread
from unnest($1::uuid[], $2::text[])
  with ordinality as i (conversation_id, user_id, ord)
cross join lateral (
  select p.muted, p.archived_seq, p.marked_unread from participants p
  where p.conversation_id = i.conversation_id and p.user_id = i.user_id
  limit 1
) p
cross join lateral (
  select c.last_seq, c.last_rev from conversations c where c.id = i.conversation_id limit 1
) c
cross join lateral (
  select o.user_id, o.last_read_seq, o.delivered_seq, o.read_at from participants o
  where o.conversation_id = i.conversation_id
  limit 2
) o
order by i.ord, o.user_id
