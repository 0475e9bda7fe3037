-- Corrects counts of members that have not changed since they were read.
update members m
set read_counted = d.true_counted, own_after = d.true_own, mention_count = d.true_mentions
from unnest(
  $1::uuid[], $2::text[], $3::text[],
  $4::bigint[], $5::integer[],
  $6::integer[]
) d (conversation_id, user_id, version, true_counted, true_own, true_mentions)
where m.conversation_id = d.conversation_id and m.user_id = d.user_id and m.conversation_id = any($7::uuid[])
  and m.xmin::text = d.version
returning m.conversation_id as "conversationId", m.user_id as "userId"
