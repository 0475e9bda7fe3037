-- Stores messages of one group: a row of the conversation, of each message, of each sender and mentioned member.
with bumped as (
  update conversations c
  set last_seq = c.last_seq + $1::integer, counted = c.counted + $2::integer, updated_at = now(),
    last_all_seq = coalesce(c.last_seq + $3::integer, c.last_all_seq)
  where c.id = $4::uuid and c.members_seq = $5::bigint
  returning c.id, c.last_seq - $6::integer as base, c.counted - $7::integer as counted, c.has_room, c.last_all_seq
), stored as (
  insert into messages (
    conversation_id, seq, id, sender_id, client_message_id, content, attachments, counted_at, extra
  )
  select $8::uuid, b.base + i.nth, i.id, i.sender_id, i.client_message_id, i.content, i.attachments,
    b.counted + i.nth, i.extra
  from unnest(
    $9::integer[], $10::uuid[], $11::text[],
    $12::text[], $13::text[],
    $14::jsonb[],
    $15::jsonb[]
  ) as i (nth, id, sender_id, client_message_id, content, attachments, extra)
  cross join bumped b
), all_mentioned as (
  insert into all_mentions (conversation_id, seq, sender_id)
  select $16::uuid, b.base + i.nth, i.sender_id
  from unnest($17::integer[], $18::text[]) as i (nth, sender_id)
  cross join bumped b
), counts as (
  update members m
  set own_after = m.own_after + u.own, mention_count = m.mention_count + u.mentions
  from unnest(
    $19::text[], $20::integer[],
    $21::integer[]
  ) as u (user_id, own, mentions)
  cross join bumped b
  where m.conversation_id = b.id and m.user_id = u.user_id and m.conversation_id = any($22::uuid[])
)
select base, has_room, last_all_seq, now()::timestamptz(3) as now from bumped
