-- The unread total of some users.
select "user_id", sum(unread_count)::integer as "count"
from "participants"
where "user_id" = any($1::text[])
group by "user_id"
