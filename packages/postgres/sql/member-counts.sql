-- A slice of the counts of members of groups, each with the count of its messages.
select m.conversation_id as "conversationId", m.user_id as "userId", m.xmin::text as version,
  m.read_counted, m.own_after, m.mention_count,
  coalesce((
    select r.counted_at from messages r
    where r.conversation_id = m.conversation_id and r.seq = m.last_read_seq
    limit 1
  ), 0) as true_counted,
  case when c.is_short then t.true_own else m.own_after end as true_own,
  case when c.is_short then t.true_mentions else m.mention_count end as true_mentions
from (
  select m.conversation_id, m.user_id, m.last_read_seq, m.read_counted, m.own_after, m.mention_count, m.xmin
  from members m
  where (m.conversation_id, m.user_id) > ($1::uuid, $2::text) and m.role is not null
  order by m.conversation_id, m.user_id
  limit $3
) m
cross join lateral (
  select c.last_seq - m.last_read_seq <= $4::integer as is_short from conversations c
  where c.id = m.conversation_id
  limit 1
) c
cross join lateral (
  select
    (count(o.seq) filter (where o.sender_id = m.user_id and o.extra -> 'system' is null))::integer as true_own,
    (count(o.seq) filter (
      where o.sender_id <> m.user_id and jsonb_exists(o.extra -> 'mentions', m.user_id)
        and o.extra -> 'mentionsAll' is null
    ))::integer as true_mentions
  from messages o
  where o.conversation_id = m.conversation_id and o.seq > m.last_read_seq and c.is_short
) t
order by m.conversation_id, m.user_id
