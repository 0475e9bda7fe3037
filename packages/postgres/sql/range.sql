-- A run of messages by seq, each with its receiver.
select "m".*, "o"."user_id" as "receiver_id"
from "messages" as "m"
left join "participants" as "o" on "o"."conversation_id" = "m"."conversation_id"
  and "o"."user_id" <> "m"."sender_id"
where "m"."conversation_id" = $1
  and "m"."seq" >= $2
  and "m"."seq" <= $3
order by "m"."seq"
