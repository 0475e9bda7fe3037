-- A user who was a member too often to get another window.
select w.user_id from memberships w
where w.conversation_id = $1::uuid and w.user_id = any($2::text[]) and w.to_seq < $3::bigint - 1
group by w.user_id
having count(*) >= $4::integer
limit 1
