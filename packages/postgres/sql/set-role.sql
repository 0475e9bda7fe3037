-- Sets the role of a member.
update members m set role = $1
where m.conversation_id = $2::uuid
  and m.user_id = $3
