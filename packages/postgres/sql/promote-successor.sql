-- Makes the oldest admin, else the oldest member, the owner of a group that has none.
update members m
set role = 'owner'
where m.conversation_id = $1::uuid and m.user_id = (
  select s.user_id from members s
  where s.conversation_id = $2::uuid and s.role is not null
    and not exists (select from members o where o.conversation_id = $3::uuid and o.role = 'owner')
  order by s.role = 'admin' desc, s.joined_at, s.user_id
  limit 1
)
returning m.user_id
