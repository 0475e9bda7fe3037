-- Revocations in force that changed since a time.
select "kind", "subject", "issued_before" as "issuedBefore", changed_at + make_interval(secs => (kept_ms + 3600000) / 1000.0) as "endsAt"
from "token_revocations"
where "changed_at" >= $1
  and (changed_at + make_interval(secs => (kept_ms + 3600000) / 1000.0) > now()) is not false
