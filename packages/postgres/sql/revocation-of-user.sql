-- The revocation of a user that is in force.
select "kind", "subject", "issued_before" as "issuedBefore", changed_at + make_interval(secs => (kept_ms + 3600000) / 1000.0) as "endsAt"
from "token_revocations"
where "kind" = $1
  and "subject" = $2
  and (changed_at + make_interval(secs => (kept_ms + 3600000) / 1000.0) > now()) is not false
