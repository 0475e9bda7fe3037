-- Sets a reaction.
insert into reactions (conversation_id, seq, emoji, user_id)
values ($1::uuid, $2::bigint, $3, $4)
on conflict do nothing
returning emoji
