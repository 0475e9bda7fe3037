-- Numbers of groups of some users, locked.
select g.user_id, g.groups from user_groups g
where g.user_id = any($1::text[])
order by g.user_id
for update
