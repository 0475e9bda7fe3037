-- Creates the direct conversation of a pair, or finds it.
with pair as (
  insert into direct_conversations (user_low, user_high, conversation_id)
  values ($1, $2, $3::uuid)
  on conflict do nothing
  returning conversation_id
), conversation as (
  insert into conversations (id)
  select conversation_id from pair
  returning id, created_at
), participants_made as (
  insert into participants (conversation_id, user_id)
  select c.id, u from conversation c, unnest($4::text[]) u
)
select id, true as created, created_at from conversation
union all
select c.id, false as created, c.created_at
from direct_conversations d
cross join lateral (select id, created_at from conversations where id = d.conversation_id limit 1) c
where d.user_low = $5 and d.user_high = $6
