import { type ConversationId, type Member, Rejection, type Role, type UserId } from '@chat-cluster/contracts';
import type { GroupReads } from '@chat-cluster/domain';
import { sql } from 'kysely';
import type { Database } from './database.ts';
import { MESSAGE_COLUMNS, type MessageRow, toMessage } from './message-row.ts';
import { groupViewsQuery, toGroup } from './writes/conversation-state.ts';

/** Reads of groups and of changes, each one query. The caller has checked that the user may see the conversation. */
export function createGroupReads(db: Database): GroupReads {
  return {
    async group(userId, id) {
      const { rows } = await groupViewsQuery(id, [userId]).execute(db);
      return rows[0] && toGroup(rows[0]);
    },
    async members(userId, id, limit, cursor) {
      const { rows } = await membersPageQuery(userId, id, limit + 1, parseCursor(cursor)).execute(db);
      const [first] = rows;
      if (!first?.is_member) return undefined;
      const members = rows.flatMap((row) => (row.user_id === null ? [] : [toMember({ ...row, user_id: row.user_id })]));
      const page = members.slice(0, limit);
      const last = members.length > limit ? page.at(-1) : undefined;
      return { members: page, nextCursor: last ? Buffer.from(last.userId).toString('base64url') : null };
    },
    async versions(id, seq) {
      const { rows } = await versionsQuery(id, seq).execute(db);
      return rows.map((row) => ({
        content: row.content,
        editedAt: row.edited_at.toISOString(),
        editedBy: row.edited_by,
      }));
    },
    async reactors(id, seq, emoji, limit) {
      const { rows } = await reactorsQuery(id, seq, emoji, limit).execute(db);
      return rows.map((row) => row.user_id);
    },
    async readers(id, seq, limit) {
      const { rows } = await readersQuery(id, seq, limit).execute(db);
      const [row] = rows;
      return { userIds: row?.user_ids ?? [], count: row?.count ?? 0, of: row?.of ?? 0 };
    },
    async ownReactions(userId, id, seqs) {
      if (seqs.length === 0) return new Map();
      const { rows } = await ownReactionsQuery(userId, id, seqs).execute(db);
      const bySeq = Map.groupBy(rows, ({ seq }) => seq);
      return new Map([...bySeq].map(([seq, found]) => [seq, found.map(({ emoji }) => emoji)]));
    },
    async changes(id, { afterRev, upToSeq, limit }) {
      const { rows } = await changesQuery(id, afterRev, upToSeq, limit).execute(db);
      const messages = rows.flatMap((row) =>
        row.id === null ? [] : [toMessage(row as MessageRow, row.receiver_id ?? (row as MessageRow).sender_id, false)],
      );
      return { messages, lastRev: rows[0]?.last_rev ?? 0 };
    },
  };
}

type MemberRow = {
  is_member: boolean;
  role: Role;
  joined_at: Date;
  last_read_seq: number;
  read_at: Date | null;
} & { user_id: UserId | null };

/** Members after the user of the cursor. One row without a member when there are none; none for a stranger. */
export function membersPageQuery(userId: UserId, id: ConversationId, limit: number, after: string) {
  return sql<MemberRow>`
select r.role is not null as is_member, m.user_id, m.role, m.joined_at, m.last_read_seq, m.read_at
from members r
left join lateral (
  select m.user_id, m.role, m.joined_at, m.last_read_seq, m.read_at from members m
  where m.conversation_id = r.conversation_id and m.user_id > ${after} and m.role is not null and r.role is not null
  order by m.user_id
  limit ${limit}
) m on true
where r.conversation_id = ${id}::uuid and r.user_id = ${userId}
order by m.user_id`;
}

function toMember(row: MemberRow & { user_id: UserId }): Member {
  return {
    userId: row.user_id,
    role: row.role,
    joinedAt: row.joined_at.toISOString(),
    upToSeq: row.last_read_seq,
    readAt: row.read_at?.toISOString() ?? null,
  };
}

function parseCursor(cursor: string | undefined): string {
  const userId = Buffer.from(cursor ?? '', 'base64url').toString();
  if (userId.includes('\u0000') || !userId.isWellFormed()) {
    throw new Rejection('VALIDATION_FAILED', { message: 'cursor: pass the nextCursor of the previous page' });
  }
  return userId;
}

interface VersionRow {
  content: string | null;
  edited_at: Date;
  edited_by: UserId;
}

export function versionsQuery(id: ConversationId, seq: number) {
  return sql<VersionRow>`
select v.content, v.edited_at, v.edited_by
from message_versions v
where v.conversation_id = ${id}::uuid and v.seq = ${seq}::bigint
order by v.version`;
}

export function reactorsQuery(id: ConversationId, seq: number, emoji: string, limit: number) {
  return sql<{ user_id: UserId }>`
select r.user_id
from reactions r
where r.conversation_id = ${id}::uuid and r.seq = ${seq}::bigint and r.emoji = ${emoji}
order by r.reacted_at, r.user_id
limit ${limit}`;
}

/** More than a group has; the limit makes every plan use the primary key. */
const MAX_MEMBERS = 1_000_000;

/** Reads all members once. The sender of the message is not among its readers. */
export function readersQuery(id: ConversationId, seq: number, limit: number) {
  return sql<{ user_ids: UserId[]; count: number; of: number }>`
select
  coalesce((array_agg(m.user_id order by m.user_id) filter (where m.last_read_seq >= s.seq))[1:${limit}::integer], '{}')
    as user_ids,
  (count(m.user_id) filter (where m.last_read_seq >= s.seq))::integer as count,
  count(m.user_id)::integer as of
from (
  select s.conversation_id, s.seq, s.sender_id from messages s where s.conversation_id = ${id}::uuid and s.seq = ${seq}::bigint
) s
cross join lateral (
  select m.user_id, m.last_read_seq from members m
  where m.conversation_id = s.conversation_id and m.role is not null and m.user_id <> s.sender_id
  limit ${MAX_MEMBERS}::integer
) m`;
}

export function ownReactionsQuery(userId: UserId, id: ConversationId, seqs: readonly number[]) {
  return sql<{ seq: number; emoji: string }>`
select i.seq, r.emoji
from unnest(${seqs}::bigint[]) as i (seq)
cross join lateral (
  select r.emoji from reactions r
  where r.conversation_id = ${id}::uuid and r.seq = i.seq and r.user_id = ${userId}
) r
order by i.seq, r.emoji`;
}

type ChangeRow = { last_rev: number; receiver_id: UserId | null } & (MessageRow | { [Key in keyof MessageRow]: null });

/** One row per message, or one without a message. All rows have the last `rev` of the conversation. */
export function changesQuery(id: ConversationId, afterRev: number, upToSeq: number, limit: number) {
  return sql<ChangeRow>`
select coalesce(c.last_rev, 0) as last_rev, o.user_id as receiver_id,${MESSAGE_COLUMNS}
from conversations c
left join lateral (
  select${MESSAGE_COLUMNS}
  from messages m
  where m.conversation_id = c.id and m.rev > 0 and m.rev > ${afterRev}::bigint and m.seq <= ${upToSeq}::bigint
  order by m.rev
  limit ${limit}
) m on true
left join lateral (
  select o.user_id from participants o
  where o.conversation_id = m.conversation_id and o.user_id <> m.sender_id
  limit 1
) o on true
where c.id = ${id}::uuid
order by m.rev`;
}
