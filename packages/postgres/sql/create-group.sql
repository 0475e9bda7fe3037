-- Creates a group.
insert into conversations (id, kind, title, counted, member_count, members_seq)
values ($1::uuid, 'group', $2::text, 0, 0, 0)
