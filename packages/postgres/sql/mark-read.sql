-- Moves a batch of read marks forward, and counts the remaining unread messages.
with target as (
  select i.ord, i.conversation_id, i.user_id, least(coalesce(i.up_to_seq, c.last_seq), c.last_seq) as seq,
    p.last_read_seq, p.read_at, p.xmin as version
  from unnest($1::uuid[], $2::text[], $3::bigint[])
    with ordinality as i (conversation_id, user_id, up_to_seq, ord)
  left join conversations c on c.id = i.conversation_id and c.id = any($4::uuid[])
  left join participants p on p.conversation_id = i.conversation_id and p.user_id = i.user_id
    and p.conversation_id = any($5::uuid[])
), marked as (
  update participants p
  set
    last_read_seq = t.seq,
    read_at = now(),
    unread_count = (
      select count(*) from messages m
      where m.conversation_id = t.conversation_id and m.seq > t.seq and m.sender_id <> t.user_id
        and m.deleted_at is null
    )
  from target t
  where p.conversation_id = t.conversation_id and p.user_id = t.user_id and p.last_read_seq < t.seq
    and p.conversation_id = any($6::uuid[]) and p.xmin = t.version
  returning p.conversation_id, p.user_id, p.last_read_seq, p.read_at, p.unread_count
), untouched as materialized (
  select o.user_id, sum(o.unread_count) as count
  from participants o
  where o.user_id = any($7::text[])
    and not exists (select from marked n where n.user_id = o.user_id and n.conversation_id = o.conversation_id)
  group by o.user_id
)
select
  coalesce(m.last_read_seq, t.last_read_seq) as up_to_seq,
  coalesce(m.read_at, t.read_at) as read_at,
  m.user_id is not null as advanced,
  (
    coalesce((select u.count from untouched u where u.user_id = t.user_id), 0)
    + coalesce((select sum(n.unread_count) from marked n where n.user_id = t.user_id), 0)
  )::integer as unread_count,
  t.user_id = any(array(select g.user_id from user_groups g where g.user_id = any($8::text[]))) as has_more,
  m.user_id is null and coalesce(t.last_read_seq < t.seq, false) as is_missed
from target t
left join marked m on m.conversation_id = t.conversation_id and m.user_id = t.user_id
order by t.ord
