-- The last change of the members of some groups.

select c.id, c.members_seq
from conversations c
where c.id = any($1::uuid[])
  and c.kind = 'group'
