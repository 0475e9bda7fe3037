-- Counts a group more, or less, for some users.

update user_groups g set groups = greatest(0, g.groups + $1::integer)
where g.user_id = any($2::text[])
