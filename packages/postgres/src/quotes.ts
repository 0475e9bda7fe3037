import type { ConversationId, ReplyTo } from '@chat-cluster/contracts';
import { sql } from 'kysely';
import type { Database } from './database.ts';

interface Reply {
  conversationId: ConversationId;
  replyTo?: ReplyTo;
}

/**
 * The sends with the quotes that may be stored. A reply can wait in its lane behind the deletion of the message that it
 * quotes: then its quote loses the text. Sends without a reply cost nothing, and the same list is returned. Call it
 * where the sends are stored: only the lane knows which deletion comes before them.
 */
export async function withStorableQuotes<T extends Reply>(db: Database, sends: readonly T[]): Promise<readonly T[]> {
  const replies = sends.filter(({ replyTo }) => replyTo);
  if (replies.length === 0) return sends;
  const { rows } = await deletedQuotesQuery(replies).execute(db);
  if (rows.length === 0) return sends;
  const deleted = new Set(rows.map(({ conversation_id, seq }) => conversation_id + seq));
  return sends.map((send) => {
    const { conversationId, replyTo } = send;
    return replyTo && deleted.has(conversationId + replyTo.seq) ? { ...send, replyTo: emptied(replyTo) } : send;
  });
}

function emptied({ seq, senderId }: ReplyTo): ReplyTo {
  return { seq, senderId, text: null, deleted: true };
}

export function deletedQuotesQuery(replies: readonly Reply[]) {
  return sql<{ conversation_id: ConversationId; seq: number }>`
select q.conversation_id, q.seq
from unnest(
  ${replies.map(({ conversationId }) => conversationId)}::uuid[], ${replies.map(({ replyTo }) => replyTo?.seq)}::bigint[]
) as q (conversation_id, seq)
cross join lateral (
  select from messages m
  where m.conversation_id = q.conversation_id and m.seq = q.seq and m.deleted_at is not null
  limit 1
) m`;
}

/**
 * Removes the text of a deleted message from the replies that quote it. The range and its order, instead of an
 * equality, make the planner use `messages_reply_to` also when it plans with empty tables.
 */
export function emptyQuotesQuery(id: ConversationId, seq: number) {
  return sql`
update messages m
set extra = jsonb_set(m.extra, '{replyTo}', m.extra -> 'replyTo' || '{"text": null, "deleted": true}')
from (
  select r.seq from messages r
  where r.conversation_id = ${id}::uuid and r.extra -> 'replyTo' is not null
    and r.extra -> 'replyTo' -> 'seq' between to_jsonb(${seq}::bigint) and to_jsonb(${seq}::bigint)
  order by r.extra -> 'replyTo' -> 'seq'
) r
where m.conversation_id = ${id}::uuid and m.seq = r.seq`;
}
