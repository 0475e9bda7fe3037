import type { Attachment, MessageId, Reaction, SendEntry, UserId } from '@chat-cluster/contracts';
import { readResult, type StoredMessage } from '@chat-cluster/domain';
import { sql } from 'kysely';
import type { Database } from './database.ts';
import { changesOf } from './message-row.ts';
import type { MessageExtra } from './schema.ts';
import { extraJsonOf } from './store-fresh.ts';

/**
 * Stores sends, some of which may be resends, with a statement that first looks up each of them. `storeFresh` is faster
 * and handles most batches; `createMessageStore` chooses.
 */
export async function storeCheckingResends(
  db: Database,
  sends: readonly SendEntry[],
): Promise<(StoredMessage | undefined)[]> {
  const { rows } = await storeCheckingResendsQuery(sends).execute(db);
  return readResult(() => rows.map(toStored));
}

function toStored(row: StoredRow): StoredMessage | undefined {
  if (row.id === null || row.seq === null) return undefined;
  if (row.created_at === null) throw new TypeError('created_at is no timestamp');
  const earlier = { content: row.content, attachments: row.attachments ?? [], ...row.extra, ...changesOf(row) };
  return { id: row.id, seq: row.seq, createdAt: row.created_at, ...(row.was_stored ? { earlier } : {}) };
}

interface StoredRow {
  id: MessageId | null;
  seq: number | null;
  created_at: Date | null;
  was_stored: boolean;
  content: string | null;
  attachments: Attachment[] | null;
  extra: MessageExtra | null;
  reactions: Reaction[] | null;
  rev: number | null;
  edited_at: Date | null;
  deleted_at: Date | null;
  deleted_by: UserId | null;
}

/**
 * `earlier`: sends whose key is already stored. `fresh`: the others, numbered within their conversation. `bumped`
 * reserves their numbers in the conversation. `counted`: unread counters of the receivers. The result has one row per
 * send, in the given order; its `id` is null if the conversation does not exist.
 *
 * The plan is made once, possibly when the tables are empty, and must stay fast with a billion rows. So every access to
 * a table has a form that only an index can serve. `limit 1` makes the lookup of earlier sends one index lookup per
 * send. `= any(array(…))` repeats a join condition as a list of keys, from which the planner derives that few rows
 * match. (Without it: a hash join over all of `messages`, 16 ms of CPU for 100 sends at 50,000 rows, and growing with
 * the table. With it: a constant 3 ms.)
 */
export function storeCheckingResendsQuery(sends: readonly SendEntry[]) {
  const columns = [
    sends.map((send) => send.id),
    sends.map((send) => send.conversationId),
    sends.map((send) => send.senderId),
    sends.map((send) => send.receiverId),
    sends.map((send) => send.clientMessageId),
    sends.map((send) => send.content),
    sends.map((send) => (send.attachments.length > 0 ? JSON.stringify(send.attachments) : null)),
    sends.map(extraJsonOf),
  ] as const;
  return sql<StoredRow>`
with input as (
  select id, conversation_id, sender_id, receiver_id, client_message_id, content, attachments, extra, ord from unnest(
    ${columns[0]}::uuid[], ${columns[1]}::uuid[], ${columns[2]}::text[], ${columns[3]}::text[],
    ${columns[4]}::text[], ${columns[5]}::text[], ${columns[6]}::jsonb[],
    ${columns[7]}::jsonb[]
  ) with ordinality as t (id, conversation_id, sender_id, receiver_id, client_message_id, content, attachments, extra, ord)
), earlier as (
  select i.ord, m.id, m.seq, m.created_at, m.content, m.attachments, m.extra, m.reactions, m.rev, m.edited_at,
    m.deleted_at, m.deleted_by
  from input i
  cross join lateral (
    select m.id, m.seq, m.created_at, m.content, m.attachments, m.extra, m.reactions, m.rev, m.edited_at,
      m.deleted_at, m.deleted_by
    from messages m
    where m.conversation_id = i.conversation_id
      and m.sender_id = i.sender_id
      and m.client_message_id = i.client_message_id
    limit 1
  ) m
), fresh as (
  select i.id, i.conversation_id, i.sender_id, i.receiver_id, i.client_message_id, i.content, i.attachments, i.extra,
    row_number() over (partition by i.conversation_id order by i.ord) as nth
  from input i
  where not exists (select from earlier e where e.ord = i.ord)
), bumped as (
  update conversations c
  set last_seq = c.last_seq + f.n, updated_at = now()
  from (select conversation_id, count(*) as n from fresh group by conversation_id) f
  where c.id = f.conversation_id and c.id = any(array(select conversation_id from fresh))
  returning c.id, c.last_seq - f.n as base
), stored as (
  insert into messages (conversation_id, seq, id, sender_id, client_message_id, content, attachments, extra)
  select f.conversation_id, b.base + f.nth, f.id, f.sender_id, f.client_message_id, f.content, f.attachments, f.extra
  from fresh f
  join bumped b on b.id = f.conversation_id
  returning id, seq, created_at
), counted as (
  update participants p
  set unread_count = p.unread_count + r.n
  from (
    select conversation_id, receiver_id, count(*) as n
    from fresh
    where receiver_id <> sender_id
    group by conversation_id, receiver_id
  ) r
  where p.conversation_id = r.conversation_id and p.user_id = r.receiver_id
    and p.conversation_id = any(array(select conversation_id from fresh))
)
select
  coalesce(e.id, s.id) as id,
  coalesce(e.seq, s.seq) as seq,
  coalesce(e.created_at, s.created_at) as created_at,
  e.id is not null as was_stored,
  e.content,
  e.attachments,
  e.extra,
  e.reactions,
  e.rev,
  e.edited_at,
  e.deleted_at,
  e.deleted_by
from input i
left join earlier e on e.ord = i.ord
left join stored s on s.id = i.id
order by i.ord`;
}
