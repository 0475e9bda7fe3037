-- Revocations that changed since a time.
select "kind", "subject", "issued_before" as "issuedBefore"
from "token_revocations"
where "changed_at" >= $1
