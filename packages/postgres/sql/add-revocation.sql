-- Revokes tokens: of a user the later time is valid.
insert into token_revocations as known (kind, subject, issued_before)
values ($1::text, $2::text, $3::timestamptz)
on conflict (kind, subject) do update
set
  issued_before = greatest(known.issued_before, excluded.issued_before),
  changed_at = now()
