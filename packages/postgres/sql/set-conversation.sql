-- Changes the settings of a user for a conversation.
with direct as (
  update participants p
  set muted = coalesce($1::boolean, p.muted),
    archived_seq = case when $2::boolean is null then p.archived_seq when $3::boolean then c.last_seq end,
    marked_unread = coalesce($4::boolean, p.marked_unread)
  from conversations c
  where c.id = $5::uuid and p.conversation_id = $6::uuid and p.user_id = $7
  returning p.user_id, p.muted, p.archived_seq >= c.last_seq as archived, p.marked_unread
), grouped as (
  update members m
  set muted = coalesce($8::boolean, m.muted),
    archived_counted = case
      when $9::boolean is null then m.archived_counted
      when $10::boolean then c.counted
    end,
    marked_unread = coalesce($11::boolean, m.marked_unread)
  from conversations c
  where c.id = $12::uuid and m.conversation_id = $13::uuid and m.user_id = $14
  returning m.muted, m.archived_counted is not null and (m.role is null or m.archived_counted >= c.counted) as archived,
    m.marked_unread
), noted as (
  insert into user_groups (user_id)
  select d.user_id from direct d
  where $15::boolean or $16::boolean
  on conflict do nothing
)
select d.muted, d.archived, d.marked_unread from direct d
union all
select g.muted, g.archived, g.marked_unread from grouped g
