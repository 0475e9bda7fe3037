-- Revokes tokens: of a subject the later time is valid, for the longer of two durations.
insert into token_revocations as known (kind, subject, issued_before, kept_ms)
values ($1::text, $2::text, $3::timestamptz, $4::bigint)
on conflict (kind, subject) do update
set
  issued_before = greatest(known.issued_before, excluded.issued_before),
  kept_ms = case
    when known.kept_ms is not null and excluded.kept_ms is not null then greatest(known.kept_ms, excluded.kept_ms)
  end,
  changed_at = now()
returning kind, subject, issued_before as "issuedBefore", changed_at + make_interval(secs => (kept_ms + 3600000) / 1000.0) as "endsAt"
