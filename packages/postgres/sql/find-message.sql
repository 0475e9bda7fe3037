-- A message by its id, for operators; without its content.
select "id", "conversation_id" as "conversationId", "seq", "sender_id" as "senderId", "client_message_id" as "clientMessageId", "created_at" as "storedAt"
from "messages"
where "id" = $1
