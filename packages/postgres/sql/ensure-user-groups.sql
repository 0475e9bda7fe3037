-- Makes the rows that count the groups of some users.
insert into user_groups (user_id)
select u from unnest($1::text[]) u order by u collate "C"
on conflict do nothing
