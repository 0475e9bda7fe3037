import type { Conversation, ConversationId, UserId } from '@chat-cluster/contracts';
import type { Participants } from '@chat-cluster/domain';
import { sql } from 'kysely';
import type { Database } from './database.ts';

/** Conversations as rows; the gateway puts batching and a cache in front of `participantsOf`. */
export interface ConversationStore {
  /** `result[i]` belongs to `ids[i]`: one query whatever their number. */
  participantsOf(ids: readonly ConversationId[]): Promise<(Participants | undefined)[]>;
  open(newId: ConversationId, a: UserId, b: UserId): Promise<{ conversation: Conversation; created: boolean }>;
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
      // A concurrent maker is waited for by the insert, but its rows are seen only by a second statement.
      for (let attempt = 0; attempt < 2; attempt++) {
        const { rows } = await openConversation(newId, a, b).execute(db);
        const row = rows[0];
        if (row) return { conversation: toConversation(row, a, b), created: row.created };
      }
      throw new Error('a direct conversation could neither be made nor found');
    },
  };
}

export function participantsQuery(db: Database, ids: readonly ConversationId[]) {
  return db
    .selectFrom('participants')
    .select(['conversation_id', 'user_id'])
    .where('conversation_id', '=', sql<ConversationId>`any(${ids}::uuid[])`);
}

interface OpenedRow {
  id: ConversationId;
  created: boolean;
  created_at: Date;
}

/** Makes the conversation of a pair with its participants, or finds it. One statement, so never half of it. */
export function openConversation(newId: ConversationId, a: UserId, b: UserId) {
  const users = a === b ? [a] : [a, b];
  const [low, high] = inOrder(a, b);
  return sql<OpenedRow>`
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

/** By bytes, as the check of the table compares (collation "C"), not by UTF-16 code units. */
export function inOrder(a: UserId, b: UserId): [UserId, UserId] {
  return Buffer.compare(Buffer.from(a), Buffer.from(b)) <= 0 ? [a, b] : [b, a];
}

function toConversation(row: OpenedRow, a: UserId, b: UserId): Conversation {
  return {
    id: row.id,
    kind: 'direct',
    participantIds: a === b ? [a] : [a, b],
    createdAt: row.created_at.toISOString(),
  };
}
