-- Removes the text of a deleted message from the replies that quote it.
update messages m
set extra = jsonb_set(m.extra, '{replyTo}', m.extra -> 'replyTo' || '{"text": null, "deleted": true}')
from (
  select r.seq from messages r
  where r.conversation_id = $1::uuid and r.extra -> 'replyTo' is not null
    and r.extra -> 'replyTo' -> 'seq' between to_jsonb($2::bigint) and to_jsonb($3::bigint)
  order by r.extra -> 'replyTo' -> 'seq'
) r
where m.conversation_id = $4::uuid and m.seq = r.seq
