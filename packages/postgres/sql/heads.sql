-- Last seq and read marks of some conversations, for users who are in them.
select i.ord, c.last_seq, p.user_id, p.last_read_seq, p.read_at
from unnest($1::uuid[], $2::text[])
  with ordinality as i (conversation_id, user_id, ord)
cross join lateral (
  select from participants p where p.conversation_id = i.conversation_id and p.user_id = i.user_id limit 1
) requester
cross join lateral (select c.last_seq from conversations c where c.id = i.conversation_id limit 1) c
cross join lateral (
  select p.user_id, p.last_read_seq, p.read_at from participants p where p.conversation_id = i.conversation_id limit 2
) p
order by i.ord, p.user_id
