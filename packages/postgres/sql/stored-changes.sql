-- Which changes of a group an earlier run has stored.
select m.id
from unnest(
  $1::text[], $2::text[]
) as i (sender_id, client_message_id)
cross join lateral (
  select m.id from messages m
  where m.conversation_id = $3::uuid and m.sender_id = i.sender_id and m.client_message_id = i.client_message_id
  limit 1
) m
