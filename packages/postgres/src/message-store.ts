import type { Attachment, MessageId, SendEntry } from '@chat-cluster/contracts';
import type { MarkedRead, MessageStore, ReadMark, StoredMessage } from '@chat-cluster/domain';
import { type Kysely, sql } from 'kysely';
import type { Database } from './database.ts';
import { isStoredAlready } from './faults.ts';
import type { Schema } from './schema.ts';
import { storeFresh } from './store-fresh.ts';

/** After a resend was met, for so long every send is looked up: resends come in bursts. */
const CAREFUL_MS = 5_000;

/**
 * The truth: one statement per batch of sends, one per batch of reads. A single statement is its own transaction, so a
 * batch of one kind costs one round trip; their text is constant whatever the batch size, so they are planned once.
 *
 * Sends are stored as if none were a resend (`storeFresh`). Where one is, the unique key fails the statement, and the same
 * sends are stored by the statement that looks each of them up (`storeSends`), as are all of the next seconds.
 *
 * Two workers never run the same conversation at once (lanes). Should it happen after all, because a paused worker
 * wakes up, the row lock on `conversations` lets one wait, and the unique key fails that one's insert: its whole
 * statement is undone, nothing is half done, and a repeat finds the other's rows.
 */
export function createMessageStore(db: Database): MessageStore {
  let carefulUntil = 0;
  /** Runs `work` again, looking up its sends, when one of them was a resend. */
  const unlessResent = async <T>(work: (checkResends: boolean) => Promise<T>): Promise<T> => {
    if (performance.now() < carefulUntil) return work(true);
    try {
      return await work(false);
    } catch (error) {
      if (!isStoredAlready(error)) throw error;
      carefulUntil = performance.now() + CAREFUL_MS;
      return work(true);
    }
  };
  return {
    storeSends: (sends) => unlessResent((checkResends) => storeAll(db, sends, checkResends)),
    markRead: (marks) => moveMarks(db, marks),
    atomically: (work) =>
      unlessResent((checkResends) => db.transaction().execute((tx) => work(withinTransaction(tx, checkResends)))),
  };
}

function withinTransaction(tx: Kysely<Schema>, checkResends: boolean): MessageStore {
  const store: MessageStore = {
    storeSends: (sends) => storeAll(tx, sends, checkResends),
    markRead: (marks) => moveMarks(tx, marks),
    atomically: (work) => work(store),
  };
  return store;
}

async function storeAll(
  db: Kysely<Schema>,
  sends: readonly SendEntry[],
  checkResends: boolean,
): Promise<(StoredMessage | undefined)[]> {
  if (!checkResends) return storeFresh(db, sends);
  const { rows } = await storeSends(sends).execute(db);
  return rows.map((row) =>
    row.id === null || row.seq === null || row.created_at === null
      ? undefined
      : {
          id: row.id,
          seq: row.seq,
          createdAt: row.created_at,
          ...(row.was_stored ? { earlier: { content: row.content, attachments: row.attachments ?? [] } } : {}),
        },
  );
}

async function moveMarks(db: Kysely<Schema>, marks: readonly ReadMark[]): Promise<(MarkedRead | undefined)[]> {
  const { rows } = await markRead(marks).execute(db);
  return rows.map((row) =>
    row.up_to_seq === null
      ? undefined
      : {
          upToSeq: row.up_to_seq,
          readAt: row.read_at ?? new Date(0),
          advanced: row.advanced,
          unreadCount: row.unread_count,
        },
  );
}

interface StoredRow {
  id: MessageId | null;
  seq: number | null;
  created_at: Date | null;
  was_stored: boolean;
  content: string | null;
  attachments: Attachment[] | null;
}

/**
 * `earlier`: sends whose key is stored already. `fresh`: the others, numbered within their conversation. `bumped`
 * takes their numbers from the conversation (none for a conversation that does not exist, which leaves the send
 * without a row). `counted`: the receivers' counters. One row per send comes back, in the order given.
 *
 * The plan is made once, maybe when the tables are empty, and must stay right when they hold a billion rows. So every
 * access to a table is one that only an index can serve: `limit 1` keeps the lookup of earlier sends one per send, and
 * `= any(array(…))` says again, for the planner, which few rows a join is about. (Without: a hash join over all of
 * `messages`, 16 ms of CPU for 100 sends at 50,000 rows, growing; with: 3 ms, staying.)
 */
export function storeSends(sends: readonly SendEntry[]) {
  const columns = [
    sends.map((send) => send.id),
    sends.map((send) => send.conversationId),
    sends.map((send) => send.senderId),
    sends.map((send) => send.receiverId),
    sends.map((send) => send.clientMessageId),
    sends.map((send) => send.content),
    sends.map((send) => (send.attachments.length > 0 ? JSON.stringify(send.attachments) : null)),
  ] as const;
  return sql<StoredRow>`
with input as (
  select * from unnest(
    ${columns[0]}::uuid[], ${columns[1]}::uuid[], ${columns[2]}::text[], ${columns[3]}::text[],
    ${columns[4]}::text[], ${columns[5]}::text[], ${columns[6]}::jsonb[]
  ) with ordinality as t (id, conversation_id, sender_id, receiver_id, client_message_id, content, attachments, ord)
), earlier as (
  select i.ord, m.*
  from input i
  cross join lateral (
    select m.id, m.seq, m.created_at, m.content, m.attachments
    from messages m
    where m.conversation_id = i.conversation_id
      and m.sender_id = i.sender_id
      and m.client_message_id = i.client_message_id
    limit 1
  ) m
), fresh as (
  select i.*, row_number() over (partition by i.conversation_id order by i.ord) as nth
  from input i
  where not exists (select from earlier e where e.ord = i.ord)
), bumped as (
  update conversations c
  set last_seq = c.last_seq + f.n, updated_at = now()
  from (select conversation_id, count(*) as n from fresh group by conversation_id) f
  where c.id = f.conversation_id and c.id = any(array(select conversation_id from fresh))
  returning c.id, c.last_seq - f.n as base
), stored as (
  insert into messages (conversation_id, seq, id, sender_id, client_message_id, content, attachments)
  select f.conversation_id, b.base + f.nth, f.id, f.sender_id, f.client_message_id, f.content, f.attachments
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
  e.attachments
from input i
left join earlier e on e.ord = i.ord
left join stored s on s.id = i.id
order by i.ord`;
}

interface MarkedRow {
  up_to_seq: number | null;
  read_at: Date | null;
  advanced: boolean;
  unread_count: number;
}

/**
 * `target`: where each mark is to stand, never beyond the last message. `marked`: the rows that really advance; their
 * unread messages are counted anew from the messages themselves, so a counter that was ever wrong is right again. The
 * total of a user is that of the `untouched` conversations plus that of the marked ones, because a statement does not
 * see its own updates. (By `= any` and materialized: to a plan made on an empty table the primary key, whose second
 * column is the user, looks as good as the index by user, and would be walked once per mark.)
 */
export function markRead(marks: readonly ReadMark[]) {
  const columns = [
    marks.map((mark) => mark.conversationId),
    marks.map((mark) => mark.userId),
    marks.map((mark) => mark.upToSeq),
  ] as const;
  return sql<MarkedRow>`
with target as (
  select i.ord, i.conversation_id, i.user_id, least(coalesce(i.up_to_seq, c.last_seq), c.last_seq) as seq
  from unnest(${columns[0]}::uuid[], ${columns[1]}::text[], ${columns[2]}::bigint[])
    with ordinality as i (conversation_id, user_id, up_to_seq, ord)
  left join conversations c on c.id = i.conversation_id and c.id = any(${columns[0]}::uuid[])
), marked as (
  update participants p
  set
    last_read_seq = t.seq,
    read_at = now(),
    unread_count = (
      select count(*) from messages m
      where m.conversation_id = t.conversation_id and m.seq > t.seq and m.sender_id <> t.user_id
    )
  from target t
  where p.conversation_id = t.conversation_id and p.user_id = t.user_id and p.last_read_seq < t.seq
    and p.conversation_id = any(${columns[0]}::uuid[])
  returning p.conversation_id, p.user_id, p.last_read_seq, p.read_at, p.unread_count
), untouched as materialized (
  select o.user_id, sum(o.unread_count) as count
  from participants o
  where o.user_id = any(${columns[1]}::text[])
    and not exists (select from marked n where n.user_id = o.user_id and n.conversation_id = o.conversation_id)
  group by o.user_id
)
select
  coalesce(m.last_read_seq, p.last_read_seq) as up_to_seq,
  coalesce(m.read_at, p.read_at) as read_at,
  m.user_id is not null as advanced,
  (
    coalesce((select u.count from untouched u where u.user_id = t.user_id), 0)
    + coalesce((select sum(n.unread_count) from marked n where n.user_id = t.user_id), 0)
  )::integer as unread_count
from target t
left join participants p on p.conversation_id = t.conversation_id and p.user_id = t.user_id
  and p.conversation_id = any(${columns[0]}::uuid[])
left join marked m on m.conversation_id = t.conversation_id and m.user_id = t.user_id
order by t.ord`;
}
