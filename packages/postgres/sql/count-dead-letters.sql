-- Number of dead letters, up to a bound.
select count(*)::integer as count
from (select from dead_letters where at <= 'infinity' limit $1) t
