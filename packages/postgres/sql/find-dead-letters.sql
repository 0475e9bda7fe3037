-- Some dead letters by id.
select *
from "dead_letters"
where "id" = any($1::uuid[])
