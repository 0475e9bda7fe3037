-- Stores a batch of sends where some may be resends: dedupe, seq, rows and counters in one statement.
with input as (
  select id, conversation_id, sender_id, receiver_id, client_message_id, content, attachments, extra, ord from unnest(
    $1::uuid[], $2::uuid[], $3::text[], $4::text[],
    $5::text[], $6::text[], $7::jsonb[],
    $8::jsonb[]
  ) with ordinality as t (id, conversation_id, sender_id, receiver_id, client_message_id, content, attachments, extra, ord)
), earlier as (
  select i.ord, m.id, m.seq, m.created_at, m.content, m.attachments, m.extra, m.reactions, m.rev, m.edited_at,
    m.deleted_at, m.deleted_by
  from input i
  cross join lateral (
    select m.id, m.seq, m.created_at, m.content, m.attachments, m.extra, m.reactions, m.rev, m.edited_at,
      m.deleted_at, m.deleted_by
    from messages m
    where m.conversation_id = i.conversation_id
      and m.sender_id = i.sender_id
      and m.client_message_id = i.client_message_id
    limit 1
  ) m
), fresh as (
  select i.id, i.conversation_id, i.sender_id, i.receiver_id, i.client_message_id, i.content, i.attachments, i.extra,
    row_number() over (partition by i.conversation_id order by i.ord) as nth
  from input i
  where not exists (select from earlier e where e.ord = i.ord)
), bumped as (
  update conversations c
  set last_seq = c.last_seq + f.n, updated_at = now()
  from (select conversation_id, count(*) as n from fresh group by conversation_id) f
  where c.id = f.conversation_id and c.id = any(array(select conversation_id from fresh))
  returning c.id, c.last_seq - f.n as base
), stored as (
  insert into messages (conversation_id, seq, id, sender_id, client_message_id, content, attachments, extra)
  select f.conversation_id, b.base + f.nth, f.id, f.sender_id, f.client_message_id, f.content, f.attachments, f.extra
  from fresh f
  join bumped b on b.id = f.conversation_id
  returning id, seq, created_at
), counted as (
  update participants p
  set unread_count = p.unread_count + r.n
  from (
    select conversation_id, receiver_id, count(*) as n
    from fresh
    where receiver_id <> sender_id
    group by conversation_id, receiver_id
  ) r
  where p.conversation_id = r.conversation_id and p.user_id = r.receiver_id
    and p.conversation_id = any(array(select conversation_id from fresh))
)
select
  coalesce(e.id, s.id) as id,
  coalesce(e.seq, s.seq) as seq,
  coalesce(e.created_at, s.created_at) as created_at,
  e.id is not null as was_stored,
  e.content,
  e.attachments,
  e.extra,
  e.reactions,
  e.rev,
  e.edited_at,
  e.deleted_at,
  e.deleted_by
from input i
left join earlier e on e.ord = i.ord
left join stored s on s.id = i.id
order by i.ord
