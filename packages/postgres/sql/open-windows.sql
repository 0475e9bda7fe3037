-- Opens windows of new members.
insert into memberships (conversation_id, user_id, from_seq)
select $1::uuid, i.user_id, i.from_seq from unnest($2::text[], $3::bigint[]) as i (user_id, from_seq)
