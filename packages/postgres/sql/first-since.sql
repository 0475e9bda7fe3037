-- The first message of a conversation since a time.
with recursive search (low, high) as (
  select 1::bigint, $1::bigint
  union all
  select case when m.created_at < $2::timestamptz then s.middle + 1 else s.low end,
    case when m.created_at < $3::timestamptz then s.high else s.middle end
  from (select low, high, (low + high) / 2 as middle from search where low < high) s
  cross join lateral (
    select m.created_at from messages m where m.conversation_id = $4::uuid and m.seq = s.middle limit 1
  ) m
)
select low as seq from search where low = high
