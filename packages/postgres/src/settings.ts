import { type ConversationId, type ConversationSettings, LIMITS, type UserId } from '@chat-cluster/contracts';
import type { Settings } from '@chat-cluster/domain';
import { sql } from 'kysely';
import type { Pair } from './conversation-store.ts';
import type { Database } from './database.ts';
import { type SettingsRow, toSettings } from './group-view.ts';

/** Settings and delivered marks. Gateways write them, each with one statement; no lane is involved. */
export function createSettings(db: Database): Settings {
  return {
    async setConversation(userId, id, settings) {
      const { rows } = await setConversationQuery(userId, id, settings).execute(db);
      return rows[0] && toSettings(rows[0]);
    },
    async setBlock(userId, other, blocked) {
      await (blocked ? blockQuery(userId, other) : unblockQuery(userId, other)).execute(db);
    },
    async blockedBy(userId) {
      const { rows } = await blockedByQuery(userId).execute(db);
      return rows.map((row) => row.blocked_id);
    },
    async areBlocked(pairs) {
      const { rows } = await areBlockedQuery(pairs).execute(db);
      const found = new Set(rows.map(({ ord }) => ord));
      return pairs.map((_, i) => found.has(i + 1));
    },
    async markDelivered(userId, marks) {
      const furthest = new Map<ConversationId, number>();
      for (const { id, upToSeq } of marks) furthest.set(id, Math.max(upToSeq, furthest.get(id) ?? 0));
      const { rows } = await markDeliveredQuery(userId, [...furthest]).execute(db);
      return rows.map((row) => ({
        receipt: { conversationId: row.conversation_id, userId, upToSeq: row.up_to_seq },
        to: row.user_ids.filter((other) => other !== userId),
      }));
    },
  };
}

/**
 * The conversation is direct or a group, so one of the two updates finds a row. A setting that is absent stays. A
 * conversation is archived at its current end: the next message ends it without a write. The row in `user_groups` makes
 * unread counts and read marks regard the settings of direct conversations.
 */
export function setConversationQuery(userId: UserId, id: ConversationId, settings: Partial<ConversationSettings>) {
  const { muted = null, archived = null, markedUnread = null } = settings;
  return sql<SettingsRow>`
with direct as (
  update participants p
  set muted = coalesce(${muted}::boolean, p.muted),
    archived_seq = case when ${archived}::boolean is null then p.archived_seq when ${archived}::boolean then c.last_seq end,
    marked_unread = coalesce(${markedUnread}::boolean, p.marked_unread)
  from conversations c
  where c.id = ${id}::uuid and p.conversation_id = ${id}::uuid and p.user_id = ${userId}
  returning p.user_id, p.muted, p.archived_seq >= c.last_seq as archived, p.marked_unread
), grouped as (
  update members m
  set muted = coalesce(${muted}::boolean, m.muted),
    archived_counted = case
      when ${archived}::boolean is null then m.archived_counted
      when ${archived}::boolean then c.counted
    end,
    marked_unread = coalesce(${markedUnread}::boolean, m.marked_unread)
  from conversations c
  where c.id = ${id}::uuid and m.conversation_id = ${id}::uuid and m.user_id = ${userId}
  returning m.muted, m.archived_counted is not null and (m.role is null or m.archived_counted >= c.counted) as archived,
    m.marked_unread
), noted as (
  insert into user_groups (user_id)
  select d.user_id from direct d
  where ${muted}::boolean or ${markedUnread}::boolean
  on conflict do nothing
)
select d.muted, d.archived, d.marked_unread from direct d
union all
select g.muted, g.archived, g.marked_unread from grouped g`;
}

export function blockQuery(userId: UserId, other: UserId) {
  return sql`
insert into blocks (user_id, blocked_id) values (${userId}, ${other}) on conflict do nothing`;
}

export function unblockQuery(userId: UserId, other: UserId) {
  return sql`
delete from blocks b where b.user_id = ${userId} and b.blocked_id = ${other}`;
}

export function blockedByQuery(userId: UserId) {
  return sql<{ blocked_id: UserId }>`
select b.blocked_id from blocks b where b.user_id = ${userId} order by b.blocked_id`;
}

/** One row per pair of which one has blocked the other. */
export function areBlockedQuery(pairs: readonly Pair[]) {
  return sql<{ ord: number }>`
select i.ord
from unnest(${pairs.map(([a]) => a)}::text[], ${pairs.map(([, b]) => b)}::text[]) with ordinality as i (a, b, ord)
cross join lateral (
  (select from blocks b where b.user_id = i.a and b.blocked_id = i.b limit 1)
  union all
  (select from blocks b where b.user_id = i.b and b.blocked_id = i.a limit 1)
  limit 1
) found`;
}

interface DeliveredRow {
  conversation_id: ConversationId;
  up_to_seq: number;
  user_ids: UserId[];
}

/**
 * Marks beyond the last message end there; a mark that the read mark implies moves nothing. One row per mark that has
 * moved, with the users of the conversation. None moves while one of two participants has blocked the other: a device
 * marks messages by itself, so the mark would show that its user is online.
 */
export function markDeliveredQuery(userId: UserId, marks: readonly (readonly [ConversationId, number])[]) {
  const [ids, seqs] = [marks.map(([id]) => id), marks.map(([, upToSeq]) => upToSeq)];
  return sql<DeliveredRow>`
with target as (
  select i.id, least(i.seq, c.last_seq) as seq
  from unnest(${ids}::uuid[], ${seqs}::bigint[]) as i (id, seq)
  cross join lateral (
    select c.last_seq from conversations c
    where c.id = i.id and (c.kind = 'direct' or c.member_count <= ${LIMITS.smallGroup}::integer)
    limit 1
  ) c
), direct as (
  update participants p
  set delivered_seq = t.seq
  from target t
  where p.conversation_id = t.id and p.user_id = ${userId} and p.conversation_id = any(${ids}::uuid[])
    and t.seq > greatest(p.delivered_seq, p.last_read_seq)
    and not exists (
      select from participants o
      cross join lateral (
        (select from blocks b where b.user_id = ${userId} and b.blocked_id = o.user_id limit 1)
        union all
        (select from blocks b where b.user_id = o.user_id and b.blocked_id = ${userId} limit 1)
      ) b
      where o.conversation_id = t.id and o.user_id <> ${userId} and o.conversation_id = any(${ids}::uuid[])
    )
  returning p.conversation_id, p.delivered_seq as up_to_seq
), grouped as (
  update members m
  set delivered_seq = t.seq
  from target t
  where m.conversation_id = t.id and m.user_id = ${userId} and m.conversation_id = any(${ids}::uuid[])
    and m.role is not null and t.seq > greatest(m.delivered_seq, m.last_read_seq)
  returning m.conversation_id, m.delivered_seq as up_to_seq
)
select d.conversation_id, d.up_to_seq, array(
    select o.user_id from participants o where o.conversation_id = d.conversation_id limit 2
  ) as user_ids
from direct d
union all
select g.conversation_id, g.up_to_seq, array(
    select o.user_id from members o where o.conversation_id = g.conversation_id and o.role is not null
  ) as user_ids
from grouped g`;
}
