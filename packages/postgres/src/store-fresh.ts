import type { SendEntry } from '@chat-cluster/contracts';
import type { StoredMessage } from '@chat-cluster/domain';
import { type Kysely, sql } from 'kysely';
import type { Schema } from './schema.ts';

interface Base {
  id: SendEntry['conversationId'];
  /** The last seq before these sends. */
  base: number;
  created_at: Date;
}

/**
 * Stores sends none of which is a resend, by a statement that does not look for earlier ones. What can be counted here is not
 * counted there, and one row a conversation comes back: 21 µs of Postgres a send in batches of 50, `storeSends` takes 30.
 * When one of them is a resend after all, the unique key of `messages` fails the whole statement, and nothing is stored.
 */
export async function storeFresh(
  db: Kysely<Schema>,
  sends: readonly SendEntry[],
): Promise<(StoredMessage | undefined)[]> {
  const { nth, statement } = freshSends(sends);
  const { rows } = await statement.execute(db);
  const bases = new Map(rows.map((row) => [row.id, row]));
  return sends.map(({ id, conversationId }, i) => {
    const of = bases.get(conversationId);
    return of && { id, seq: of.base + (nth[i] ?? 0), createdAt: of.created_at };
  });
}

/**
 * `nth[i]`: the place of send i among those of its conversation. `bumped` takes their numbers from the conversation (none
 * for a conversation that does not exist, which leaves the send without a row). `counted`: the receivers' counters.
 * `= any` says again, for the planner, which few rows a join is about; see `storeSends`.
 */
export function freshSends(sends: readonly SendEntry[]) {
  const lengths = new Map<string, number>();
  const nth = sends.map(({ conversationId }) => {
    const n = (lengths.get(conversationId) ?? 0) + 1;
    lengths.set(conversationId, n);
    return n;
  });
  const ids = [...lengths.keys()];
  const unread = countUnread(sends);
  const statement = sql<Base>`
with bumped as (
  update conversations c
  set last_seq = c.last_seq + f.n, updated_at = now()
  from unnest(${ids}::uuid[], ${[...lengths.values()]}::integer[]) as f (id, n)
  where c.id = f.id and c.id = any(${ids}::uuid[])
  returning c.id, c.last_seq - f.n as base
), stored as (
  insert into messages (conversation_id, seq, id, sender_id, client_message_id, content, attachments)
  select i.conversation_id, b.base + i.nth, i.id, i.sender_id, i.client_message_id, i.content, i.attachments
  from unnest(
    ${sends.map((send) => send.id)}::uuid[], ${sends.map((send) => send.conversationId)}::uuid[], ${nth}::integer[],
    ${sends.map((send) => send.senderId)}::text[], ${sends.map((send) => send.clientMessageId)}::text[],
    ${sends.map((send) => send.content)}::text[],
    ${sends.map((send) => (send.attachments.length > 0 ? JSON.stringify(send.attachments) : null))}::jsonb[]
  ) as i (id, conversation_id, nth, sender_id, client_message_id, content, attachments)
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

type Unread = Pick<SendEntry, 'conversationId' | 'receiverId'> & { n: number };

/** What each receiver has to read; messages to oneself are never unread. */
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
