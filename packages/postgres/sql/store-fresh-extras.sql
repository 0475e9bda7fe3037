-- As store-fresh, when a send has a reply or mentions.
with bumped as (
  update conversations c
  set last_seq = c.last_seq + f.n, updated_at = now()
  from unnest($1::uuid[], $2::integer[]) as f (id, n)
  where c.id = f.id and c.id = any($3::uuid[])
  returning c.id, c.last_seq - f.n as base
), stored as (
  insert into messages (conversation_id, seq, id, sender_id, client_message_id, content, attachments, extra)
  select i.conversation_id, b.base + i.nth, i.id, i.sender_id, i.client_message_id, i.content, i.attachments, i.extra
  from unnest(
    $4::uuid[], $5::uuid[], $6::integer[],
    $7::text[], $8::text[],
    $9::text[],
    $10::jsonb[],
    $11::jsonb[]
  ) as i (id, conversation_id, nth, sender_id, client_message_id, content, attachments, extra)
  join bumped b on b.id = i.conversation_id
), counted as (
  update participants p
  set unread_count = p.unread_count + u.n
  from unnest(
    $12::uuid[], $13::text[],
    $14::integer[]
  ) as u (conversation_id, user_id, n)
  where p.conversation_id = u.conversation_id and p.user_id = u.user_id and p.conversation_id = any($15::uuid[])
)
select id, base, now()::timestamptz(3) as created_at from bumped
