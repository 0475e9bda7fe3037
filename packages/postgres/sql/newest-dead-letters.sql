-- A page of the dead letters, newest first.
select "id", "at", "source", "reason", "attempts", "entry"
from "dead_letters"
where (at, id) < ($1::timestamptz, $2::uuid)
order by "at" desc, "id" desc
limit $3
