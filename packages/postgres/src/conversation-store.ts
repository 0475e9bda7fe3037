import type { ConversationId, UserId } from '@chat-cluster/contracts';
import type { Conversations, Participants } from '@chat-cluster/domain';
import { sql } from 'kysely';
import type { Database } from './database.ts';

/** Conversations in Postgres. The gateway adds batching and a cache to `participantsOf`. */
export interface ConversationStore extends Pick<Conversations, 'open'> {
  /** `result[i]` belongs to `ids[i]`. One query for any number of ids. */
  participantsOf(ids: readonly ConversationId[]): Promise<(Participants | undefined)[]>;
}

export function createConversationStore(db: Database): ConversationStore {
  return {
    async participantsOf(ids) {
      const rows = await participantsQuery(db, ids).execute();
      const users = Map.groupBy(rows, (row) => row.conversation_id);
      return ids.map((id) => {
        const [first, second] = users.get(id) ?? [];
        if (!first) return undefined;
        return { conversationId: id, userIds: second ? [first.user_id, second.user_id] : [first.user_id] };
      });
    },
    async open(newId, a, b) {
      // The insert waits for a concurrent insert of the same pair, but only a later statement sees its rows.
      for (let attempt = 0; attempt < 2; attempt++) {
        const { rows } = await openConversationQuery(newId, a, b).execute(db);
        const [row] = rows;
        if (!row) continue;
        const participantIds = a === b ? [a] : [a, b];
        const createdAt = row.created_at.toISOString();
        return { conversation: { id: row.id, kind: 'direct', participantIds, createdAt }, created: row.created };
      }
      throw new Error('a direct conversation could neither be created nor found');
    },
  };
}

export function participantsQuery(db: Database, ids: readonly ConversationId[]) {
  return db
    .selectFrom('participants')
    .select(['conversation_id', 'user_id'])
    .where('conversation_id', '=', sql<ConversationId>`any(${ids}::uuid[])`);
}

/**
 * Creates the conversation of a pair with its participants, or finds it. One statement, so it is never partly created.
 */
export function openConversationQuery(newId: ConversationId, a: UserId, b: UserId) {
  const users = a === b ? [a] : [a, b];
  const [low, high] = inOrder(a, b);
  return sql<{ id: ConversationId; created: boolean; created_at: Date }>`
with pair as (
  insert into direct_conversations (user_low, user_high, conversation_id)
  values (${low}, ${high}, ${newId}::uuid)
  on conflict do nothing
  returning conversation_id
), conversation as (
  insert into conversations (id)
  select conversation_id from pair
  returning id, created_at
), participants_made as (
  insert into participants (conversation_id, user_id)
  select c.id, u from conversation c, unnest(${users}::text[]) u
)
select id, true as created, created_at from conversation
union all
select c.id, false as created, c.created_at
from direct_conversations d
cross join lateral (select id, created_at from conversations where id = d.conversation_id limit 1) c
where d.user_low = ${low} and d.user_high = ${high}`;
}

/** Orders a pair by bytes, as the check constraint of the table does (collation "C"), not by UTF-16 code units. */
export function inOrder(a: UserId, b: UserId): [UserId, UserId] {
  return Buffer.compare(Buffer.from(a), Buffer.from(b)) <= 0 ? [a, b] : [b, a];
}
