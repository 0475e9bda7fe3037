-- Participants of some conversations.
select "conversation_id", "user_id"
from "participants"
where "conversation_id" = any($1::uuid[])
