-- Ends the setting markedUnread of direct conversations.
update participants p
set marked_unread = null
from unnest($1::uuid[], $2::text[]) as i (conversation_id, user_id)
where p.conversation_id = i.conversation_id and p.user_id = i.user_id and p.marked_unread
  and p.conversation_id = any($3::uuid[])
