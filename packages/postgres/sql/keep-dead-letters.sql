-- Keeps entries that could not be stored; a letter that exists gets the new reason.
insert into dead_letters as kept (id, source, reason, attempts, entry)
select id, source, reason, attempts, entry
from unnest($1::uuid[], $2::text[], $3::text[], $4::integer[], $5::text[])
  with ordinality as t (id, source, reason, attempts, entry, ord)
order by ord
on conflict (id) do update
set
  source = excluded.source,
  reason = excluded.reason,
  attempts = case excluded.source
    when 'store' then kept.attempts + excluded.attempts
    else greatest(kept.attempts, excluded.attempts)
  end
