-- The direct conversation of two users, with its last seq and the read mark of each.
select "c"."id", "c"."last_seq", "p"."user_id", "p"."last_read_seq"
from "direct_conversations" as "d"
inner join lateral (select "c".*
from "conversations" as "c"
where "c"."id" = "d"."conversation_id"
limit 1) as "c" on true
inner join lateral (select "p".*
from "participants" as "p"
where "p"."conversation_id" = "c"."id"
limit 2) as "p" on true
where "d"."user_low" = $1
  and "d"."user_high" = $2
