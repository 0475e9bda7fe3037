-- Some dead letters by id.
select "id", "at", "source", "reason", "attempts", "entry"
from "dead_letters"
where "id" = any($1::uuid[])
