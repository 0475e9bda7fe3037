-- Roles of some users in a group.
select m.user_id, m.role from members m
where m.conversation_id = $1::uuid and m.user_id = any($2::text[])
