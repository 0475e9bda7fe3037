-- A page of the members of a group, for a member.
select r.role is not null as is_member, m.user_id, m.role, m.joined_at, m.last_read_seq, m.read_at
from members r
left join lateral (
  select m.user_id, m.role, m.joined_at, m.last_read_seq, m.read_at from members m
  where m.conversation_id = r.conversation_id and m.user_id > $1 and m.role is not null and r.role is not null
  order by m.user_id
  limit $2
) m on true
where r.conversation_id = $3::uuid and r.user_id = $4
order by m.user_id
