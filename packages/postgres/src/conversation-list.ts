import {
  type ConversationId,
  type ConversationSummary,
  type ConversationsPage,
  conversationId,
  type Message,
  Rejection,
  type UserId,
} from '@chat-cluster/contracts';
import { sql } from 'kysely';
import type { Database } from './database.ts';
import { GROUP_MENTIONS, GROUP_UNREAD } from './group-unread.ts';
import {
  DIRECT_SETTINGS,
  GROUP_COLUMNS,
  GROUP_SETTINGS,
  type GroupRow,
  type SettingsRow,
  settingsUnlessDefault,
  toGroupOfMember,
  VISIBLE_LAST_SEQ,
} from './group-view.ts';
import { type MessageRow, toMessage } from './message-row.ts';

/** Returns a page of the conversations of a user, as `History.conversations` of the domain requires. */
export async function listConversations(
  db: Database,
  userId: UserId,
  limit: number,
  cursor: string | undefined,
): Promise<Omit<ConversationsPage, 'epoch'>> {
  const { page, nextCursor } = await readPage(db, userId, limit, cursor);
  return { conversations: page.map((row) => toSummary(userId, row)), nextCursor };
}

/** A page of rows, newest activity first. Rejects a cursor that is not from an earlier page with VALIDATION_FAILED. */
export async function readPage(
  db: Database,
  userId: UserId,
  limit: number,
  cursor: string | undefined,
): Promise<{ page: SummaryRow[]; nextCursor: string | null }> {
  const after = parseCursor(cursor);
  const [direct, groups] = await Promise.all([
    conversationsQuery(userId, limit + 1, after).execute(db),
    groupConversationsQuery(userId, limit + 1, after).execute(db),
  ]);
  const rows = [...direct.rows, ...groups.rows].sort(byActivity);
  const page = rows.slice(0, limit);
  const last = rows.length > limit ? page.at(-1) : undefined;
  return { page, nextCursor: last ? toCursor(last) : null };
}

function byActivity(a: SummaryRow, b: SummaryRow): number {
  return b.updated_at.getTime() - a.updated_at.getTime() || (a.id < b.id ? 1 : -1);
}

/** The columns of the message are null without a message; those of the other participant, in notes to oneself. */
export type SummaryRow = SummaryMessage &
  SettingsRow & {
    id: ConversationId;
    last_seq: number;
    last_rev: number | null;
    updated_at: Date;
    unread_count: number;
    own_read_seq: number;
  } & (DirectSummary | GroupSummary);

type SummaryMessage = Nullable<Omit<MessageRow, 'id' | 'conversation_id' | 'seq'>> & {
  message_id: MessageRow['id'] | null;
};

interface DirectSummary {
  other_user_id: UserId | null;
  other_read_seq: number | null;
}

interface GroupSummary extends GroupRow {
  mentions: number;
}

type Nullable<T> = { [Key in keyof T]: T[Key] | null };

/** The columns of a message in a summary, of the table alias `m`; in the summary its alias is `last`. */
export const LAST_MESSAGE = messageColumns('last', 'last.message_id');
const STORED_MESSAGE = messageColumns('m', 'm.id as message_id');

function messageColumns(alias: string, id: string) {
  const columns =
    'sender_id client_message_id content attachments created_at counted_at extra reactions rev edited_at deleted_at deleted_by';
  return sql.raw(
    `${id}, ${columns
      .split(' ')
      .map((column) => `${alias}.${column}`)
      .join(', ')}`,
  );
}

/** The message with the given `seq` of a conversation, by an index. */
export function lastMessageJoin(id: string, seq: string) {
  return sql`
left join lateral (
  select ${STORED_MESSAGE}
  from messages m
  where m.conversation_id = ${sql.raw(id)} and m.seq = ${sql.raw(seq)}
  limit 1
) last on true`;
}

/**
 * `after` is (updated_at, id) of the last row of the previous page; the first page starts at infinity. The limit in
 * each lateral join makes every plan use one index lookup per row; see `storeCheckingResendsQuery`.
 */
export function conversationsQuery(userId: UserId, limit: number, after: Cursor) {
  return sql<SummaryRow>`
select c.id, c.last_seq, c.last_rev, c.updated_at, p.unread_count, p.last_read_seq as own_read_seq,
  o.user_id as other_user_id, o.last_read_seq as other_read_seq, ${DIRECT_SETTINGS},
  ${LAST_MESSAGE}
from participants p
cross join lateral (
  select c.id, c.last_seq, c.last_rev, c.updated_at from conversations c where c.id = p.conversation_id limit 1
) c
left join lateral (
  select o.user_id, o.last_read_seq from participants o
  where o.conversation_id = p.conversation_id and o.user_id <> p.user_id
  limit 1
) o on true${lastMessageJoin('c.id', 'c.last_seq')}
where p.user_id = ${userId} and (c.updated_at, c.id) < (${after.updatedAt}::timestamptz, ${after.id}::uuid)
order by c.updated_at desc, c.id desc
limit ${limit}`;
}

/** The groups of a user. The last activity of a former member is the time at which the user has left. */
export function groupConversationsQuery(userId: UserId, limit: number, after: Cursor) {
  return sql<SummaryRow>`
select g.id, g.last_seq, g.last_rev, g.updated_at, g.unread_count, g.mentions, g.own_read_seq,
  g.title, g.role, g.member_count, g.windows, g.muted, g.archived, g.marked_unread,
  ${LAST_MESSAGE}
from (
  select c.id, ${VISIBLE_LAST_SEQ} as last_seq, c.last_rev, a.updated_at, ${GROUP_UNREAD} as unread_count,
    ${GROUP_MENTIONS} as mentions, m.last_read_seq as own_read_seq,${GROUP_COLUMNS}, ${GROUP_SETTINGS}
  from members m
  cross join lateral (
    select c.id, c.title, c.member_count, c.last_seq, c.last_rev, c.updated_at, c.counted, c.last_deletion_seq,
      c.last_all_seq
    from conversations c
    where c.id = m.conversation_id
    limit 1
  ) c
  cross join lateral (
    select case when m.role is null then coalesce(m.left_at, c.updated_at) else c.updated_at end as updated_at
  ) a
  where m.user_id = ${userId} and (a.updated_at, c.id) < (${after.updatedAt}::timestamptz, ${after.id}::uuid)
  order by a.updated_at desc, c.id desc
  limit ${limit}
) g${lastMessageJoin('g.id', 'g.last_seq')}
order by g.updated_at desc, g.id desc`;
}

export function toSummary(userId: UserId, row: SummaryRow): ConversationSummary {
  const settings = settingsUnlessDefault(row);
  return {
    id: row.id,
    ...('windows' in row ? { group: toGroupOfMember(row) } : { otherUserId: row.other_user_id ?? userId }),
    lastMessage: lastMessageOf(userId, row),
    unreadCount: row.unread_count,
    ...('windows' in row && row.mentions > 0 && { mentionCount: row.mentions }),
    lastSeq: row.last_seq,
    ...(row.last_rev !== null && { lastRev: row.last_rev }),
    ...(settings && { settings }),
    updatedAt: row.updated_at.toISOString(),
  };
}

function lastMessageOf(userId: UserId, row: SummaryRow): Message | null {
  const { message_id: id, sender_id, client_message_id, created_at } = row;
  if (id === null || sender_id === null || client_message_id === null || created_at === null) return null;
  const message = { ...row, id, conversation_id: row.id, seq: row.last_seq, sender_id, client_message_id, created_at };
  if ('windows' in row) return toMessage(message, userId, false);
  const other = row.other_user_id ?? userId;
  const [receiverId, readSeq] = sender_id === userId ? [other, row.other_read_seq] : [userId, row.own_read_seq];
  return toMessage(message, receiverId, (readSeq ?? 0) >= row.last_seq);
}

interface Cursor {
  updatedAt: string;
  id: string;
}

const FIRST_PAGE: Cursor = { updatedAt: 'infinity', id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' };

function toCursor(last: Pick<SummaryRow, 'updated_at' | 'id'>): string {
  return Buffer.from(`${last.updated_at.getTime()}.${last.id}`).toString('base64url');
}

function parseCursor(cursor: string | undefined): Cursor {
  if (cursor === undefined) return FIRST_PAGE;
  const [, ms, id] = /^(\d{1,14})\.([0-9a-f-]{36})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (!ms || !conversationId.safeParse(id).success) {
    throw new Rejection('VALIDATION_FAILED', { message: 'cursor: pass the nextCursor of the previous page' });
  }
  return { updatedAt: new Date(Number(ms)).toISOString(), id: String(id) };
}
