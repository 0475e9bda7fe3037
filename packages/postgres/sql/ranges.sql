-- Ranges of messages by seq, each message with its receiver.
select r.ord, o.user_id as receiver_id,
    m.conversation_id, m.seq, m.id, m.sender_id, m.client_message_id, m.content, m.attachments, m.created_at,
    m.counted_at, m.extra, m.reactions, m.rev, m.edited_at, m.deleted_at, m.deleted_by
from unnest(
  $1::uuid[], $2::bigint[],
  $3::bigint[]
) with ordinality as r (conversation_id, from_seq, to_seq, ord)
cross join lateral (
  select
    m.conversation_id, m.seq, m.id, m.sender_id, m.client_message_id, m.content, m.attachments, m.created_at,
    m.counted_at, m.extra, m.reactions, m.rev, m.edited_at, m.deleted_at, m.deleted_by
  from messages m
  where m.conversation_id = r.conversation_id and m.seq between r.from_seq and r.to_seq
  order by m.seq
  limit $4
) m
left join lateral (
  select o.user_id from participants o
  where o.conversation_id = m.conversation_id and o.user_id <> m.sender_id
  limit 1
) o on true
order by r.ord, m.seq
