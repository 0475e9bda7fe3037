-- All members of a group.
select m.user_id from members m
where m.conversation_id = any($1::uuid[]) and m.role is not null
