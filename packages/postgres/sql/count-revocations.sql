-- Number of revocations, up to a bound.
select count(*)::integer as count
from (select from token_revocations where changed_at <= 'infinity' limit $1) t
