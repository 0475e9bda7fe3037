-- Counts a mention more, or less, for members who have not read the message.
update members m
set mention_count = greatest(0, m.mention_count + $1::integer)
where m.conversation_id = $2::uuid and m.user_id = any($3::text[])
  and m.user_id <> $4 and m.role is not null and m.last_read_seq < $5::bigint
