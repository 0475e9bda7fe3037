-- Moves the delivered marks of a user forward.
with target as (
  select i.id, least(i.seq, c.last_seq) as seq
  from unnest($1::uuid[], $2::bigint[]) as i (id, seq)
  cross join lateral (
    select c.last_seq from conversations c
    where c.id = i.id and (c.kind = 'direct' or c.member_count <= $3::integer)
    limit 1
  ) c
), direct as (
  update participants p
  set delivered_seq = t.seq
  from target t
  where p.conversation_id = t.id and p.user_id = $4 and p.conversation_id = any($5::uuid[])
    and t.seq > greatest(p.delivered_seq, p.last_read_seq)
    and not exists (
      select from participants o
      cross join lateral (
        (select from blocks b where b.user_id = $6 and b.blocked_id = o.user_id limit 1)
        union all
        (select from blocks b where b.user_id = o.user_id and b.blocked_id = $7 limit 1)
      ) b
      where o.conversation_id = t.id and o.user_id <> $8 and o.conversation_id = any($9::uuid[])
    )
  returning p.conversation_id, p.delivered_seq as up_to_seq
), grouped as (
  update members m
  set delivered_seq = t.seq
  from target t
  where m.conversation_id = t.id and m.user_id = $10 and m.conversation_id = any($11::uuid[])
    and m.role is not null and t.seq > greatest(m.delivered_seq, m.last_read_seq)
  returning m.conversation_id, m.delivered_seq as up_to_seq
)
select d.conversation_id, d.up_to_seq, array(
    select o.user_id from participants o where o.conversation_id = d.conversation_id limit 2
  ) as user_ids
from direct d
union all
select g.conversation_id, g.up_to_seq, array(
    select o.user_id from members o where o.conversation_id = g.conversation_id and o.role is not null
  ) as user_ids
from grouped g
