-- Moves read marks in a group forward.
with target as (
  select m.conversation_id, m.user_id, m.role, m.last_read_seq, m.read_at, m.marked_unread, c.last_seq, c.counted, c.member_count,
    c.members_seq, m.version, s.seq, s.seq - m.last_read_seq < c.last_seq - s.seq as is_near
  from unnest($1::text[], $2::bigint[]) as i (user_id, up_to_seq)
  cross join lateral (
    select c.last_seq, c.counted, c.member_count, c.members_seq from conversations c
    where c.id = $3::uuid and c.kind = 'group'
    limit 1
  ) c
  cross join lateral (
    select m.conversation_id, m.user_id, m.role, m.last_read_seq, m.read_at, m.marked_unread, m.xmin as version
    from members m
    where m.conversation_id = $4::uuid and m.user_id = i.user_id
    limit 1
  ) m
  cross join lateral (
    select greatest(m.last_read_seq, least(coalesce(i.up_to_seq, c.last_seq), c.last_seq)) as seq
  ) s
), marked as (
  update members m
  set
    last_read_seq = t.seq,
    read_at = case when m.last_read_seq < t.seq then now() else m.read_at end,
    read_counted = case when t.seq = t.last_seq then t.counted else coalesce((
      select r.counted_at from messages r where r.conversation_id = $5::uuid and r.seq = t.seq
    ), 0) end,
    own_after = case
      when t.seq = t.last_seq then 0
      when t.is_near then greatest(0, m.own_after - (
        select count(*) from messages o
        where o.conversation_id = $6::uuid and o.seq > t.last_read_seq and o.seq <= t.seq and o.sender_id = t.user_id and o.extra -> 'system' is null
      ))
      else (select count(*) from messages o where o.conversation_id = $7::uuid and o.seq > t.seq and o.sender_id = t.user_id and o.extra -> 'system' is null)
    end,
    mention_count = case
      when t.seq = t.last_seq or m.mention_count = 0 then 0
      when t.is_near then greatest(0, m.mention_count - (
        select count(*) from messages o
        where o.conversation_id = $8::uuid and o.seq > t.last_read_seq and o.seq <= t.seq and o.sender_id <> t.user_id and jsonb_exists(o.extra -> 'mentions', t.user_id) and o.extra -> 'mentionsAll' is null
      ))
      else (select count(*) from messages o where o.conversation_id = $9::uuid and o.seq > t.seq and o.sender_id <> t.user_id and jsonb_exists(o.extra -> 'mentions', t.user_id) and o.extra -> 'mentionsAll' is null)
    end,
    marked_unread = null
  from target t
  where m.conversation_id = t.conversation_id and m.user_id = t.user_id and m.conversation_id = any($10::uuid[])
    and t.role is not null and m.xmin = t.version
    and (m.last_read_seq < t.seq or m.marked_unread)
  returning m.user_id, m.last_read_seq, m.read_at
)
select t.user_id, t.role is not null as is_member, t.seq as up_to_seq, coalesce(m.read_at, t.read_at) as read_at,
  coalesce(m.last_read_seq > t.last_read_seq, false) as advanced, t.members_seq,
  t.member_count <= $11::integer as is_small,
  t.role is not null and (t.last_read_seq < t.seq or coalesce(t.marked_unread, false)) and m.user_id is null
    as is_missed
from target t
left join marked m on m.user_id = t.user_id
