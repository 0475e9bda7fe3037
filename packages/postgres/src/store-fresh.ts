import type { SendEntry } from '@chat-cluster/contracts';
import { extrasOf, readResult, type StoredMessage } from '@chat-cluster/domain';
import { sql } from 'kysely';
import type { Database } from './database.ts';

/**
 * Stores sends that are not resends, with the statement of almost every batch. It does not look up earlier sends;
 * numbers are counted here instead of in SQL where possible; the result has one row per conversation. It takes 21 µs of
 * Postgres per send in batches of 50; `storeCheckingResends` takes 30 µs. If a send is a resend, the statement violates
 * the unique key of `messages` and stores nothing; `createMessageStore` then uses `storeCheckingResends`.
 */
export async function storeFresh(db: Database, sends: readonly SendEntry[]): Promise<(StoredMessage | undefined)[]> {
  const { nth, statement } = storeFreshQuery(sends);
  const { rows } = await statement.execute(db);
  return readResult(() => {
    const bases = new Map(rows.map((row) => [row.id, row]));
    return sends.map(({ id, conversationId }, i) => {
      const row = bases.get(conversationId);
      return row && { id, seq: row.base + (nth[i] ?? 0), createdAt: row.created_at };
    });
  });
}

interface BaseRow {
  id: SendEntry['conversationId'];
  /** The last seq before these sends. */
  base: number;
  created_at: Date;
}

/**
 * A batch in which a send has extras (a reply, mentions) takes a statement with one more column.
 *
 * `nth[i]`: position of send i among those of its conversation. `bumped` reserves their numbers; it has no row for a
 * conversation that does not exist, so its sends are not stored. `counted`: unread counters of the receivers. `= any`
 * repeats a join condition as a list of keys; see `storeCheckingResendsQuery`.
 */
export function storeFreshQuery(sends: readonly SendEntry[]) {
  const lengths = new Map<string, number>();
  const nth = sends.map(({ conversationId }) => {
    const n = (lengths.get(conversationId) ?? 0) + 1;
    lengths.set(conversationId, n);
    return n;
  });
  const ids = [...lengths.keys()];
  const unread = countUnread(sends);
  const extras = sends.map(extraJsonOf);
  const hasExtras = extras.some((extra) => extra !== null);
  const extraName = hasExtras ? sql`, extra` : sql``;
  const extraOfInput = hasExtras ? sql`, i.extra` : sql``;
  const extraValues = hasExtras
    ? sql`,
    ${extras}::jsonb[]`
    : sql``;
  const statement = sql<BaseRow>`
with bumped as (
  update conversations c
  set last_seq = c.last_seq + f.n, updated_at = now()
  from unnest(${ids}::uuid[], ${[...lengths.values()]}::integer[]) as f (id, n)
  where c.id = f.id and c.id = any(${ids}::uuid[])
  returning c.id, c.last_seq - f.n as base
), stored as (
  insert into messages (conversation_id, seq, id, sender_id, client_message_id, content, attachments${extraName})
  select i.conversation_id, b.base + i.nth, i.id, i.sender_id, i.client_message_id, i.content, i.attachments${extraOfInput}
  from unnest(
    ${sends.map((send) => send.id)}::uuid[], ${sends.map((send) => send.conversationId)}::uuid[], ${nth}::integer[],
    ${sends.map((send) => send.senderId)}::text[], ${sends.map((send) => send.clientMessageId)}::text[],
    ${sends.map((send) => send.content)}::text[],
    ${sends.map((send) => (send.attachments.length > 0 ? JSON.stringify(send.attachments) : null))}::jsonb[]${extraValues}
  ) as i (id, conversation_id, nth, sender_id, client_message_id, content, attachments${extraName})
  join bumped b on b.id = i.conversation_id
), counted as (
  update participants p
  set unread_count = p.unread_count + u.n
  from unnest(
    ${unread.map(({ conversationId }) => conversationId)}::uuid[], ${unread.map(({ receiverId }) => receiverId)}::text[],
    ${unread.map(({ n }) => n)}::integer[]
  ) as u (conversation_id, user_id, n)
  where p.conversation_id = u.conversation_id and p.user_id = u.user_id and p.conversation_id = any(${ids}::uuid[])
)
select id, base, now()::timestamptz(3) as created_at from bumped`;
  return { nth, statement };
}

/** The column `extra` of a send; null: the send has none. */
export function extraJsonOf(send: SendEntry): string | null {
  const extras = extrasOf(send);
  return Object.keys(extras).length > 0 ? JSON.stringify(extras) : null;
}

type Unread = Pick<SendEntry, 'conversationId' | 'receiverId'> & { n: number };

/** Unread messages to add per receiver. Messages to oneself are never unread. */
function countUnread(sends: readonly SendEntry[]): Unread[] {
  const counts = new Map<string, Unread>();
  for (const { conversationId, senderId, receiverId } of sends) {
    if (receiverId === senderId) continue;
    // A conversation id is always 36 characters, so no separator is needed.
    const key = conversationId + receiverId;
    const count = counts.get(key);
    if (count) count.n++;
    else counts.set(key, { conversationId, receiverId, n: 1 });
  }
  return [...counts.values()];
}
