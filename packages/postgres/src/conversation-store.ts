import { type Conversation, type ConversationId, LIMITS, type UserId } from '@chat-cluster/contracts';
import type { Conversations, Membership, Participants } from '@chat-cluster/domain';
import { sql } from 'kysely';
import type { Database } from './database.ts';
import { GROUP_COLUMNS, type GroupRow } from './group-view.ts';

/** Conversations in Postgres. The gateway adds batching and a cache to `participantsOf`. */
export interface ConversationStore extends Pick<Conversations, 'open' | 'find'> {
  /** `result[i]` belongs to `ids[i]`. One query for any number of ids. */
  participantsOf(ids: readonly ConversationId[]): Promise<(Participants | undefined)[]>;
  /** `result[i]` belongs to `requests[i]`: the group as this member, or former member, may use it. One query. */
  membershipsOf(requests: readonly MembershipRequest[]): Promise<(Membership | undefined)[]>;
  /** `result[i]`: members of the group `ids[i]`, if it has at most LIMITS.smallGroup; otherwise none. One query. */
  smallGroups(ids: readonly ConversationId[]): Promise<UserId[][]>;
  /** The owner of the group who is a member for the longest time, if possible not `except`. */
  ownerOf(id: ConversationId, except?: UserId): Promise<UserId | undefined>;
  /**
   * `result[i]`: the users of `pairs[i]` share a direct conversation, or a group of at most LIMITS.presenceGroup
   * members. One query for any number of pairs.
   */
  haveConversations(pairs: readonly Pair[]): Promise<boolean[]>;
}

export interface MembershipRequest {
  userId: UserId;
  id: ConversationId;
}

/** Two users, in any order. */
export type Pair = readonly [UserId, UserId];

export function createConversationStore(db: Database): ConversationStore {
  return {
    async participantsOf(ids) {
      const rows = await participantsQuery(db, ids).execute();
      const users = Map.groupBy(rows, (row) => row.conversation_id);
      return ids.map((id) => {
        const [first, second] = users.get(id) ?? [];
        if (!first) return undefined;
        return {
          kind: 'direct',
          conversationId: id,
          userIds: second ? [first.user_id, second.user_id] : [first.user_id],
        };
      });
    },
    async membershipsOf(requests) {
      const { rows } = await membershipsQuery(requests).execute(db);
      const found = new Map(rows.map((row) => [row.ord, row]));
      return requests.map(({ id }, i): Membership | undefined => {
        const row = found.get(i + 1);
        if (!row) return undefined;
        const { role, member_count: memberCount, windows } = row;
        return { kind: 'group', conversationId: id, role, memberCount, windows };
      });
    },
    async smallGroups(ids) {
      const { rows } = await smallGroupsQuery(ids).execute(db);
      const users = Map.groupBy(rows, ({ ord }) => ord);
      return ids.map((_, i) => (users.get(i + 1) ?? []).map((row) => row.user_id));
    },
    async ownerOf(id, except) {
      const [row] = (await ownerQuery(id, except ?? null).execute(db)).rows;
      return row?.user_id;
    },
    async open(newId, a, b) {
      // The insert waits for a concurrent insert of the same pair, but only a later statement sees its rows.
      for (let attempt = 0; attempt < 2; attempt++) {
        const { rows } = await openConversationQuery(newId, a, b).execute(db);
        const [row] = rows;
        if (!row) continue;
        return { conversation: toConversation(row, a, b), created: row.created };
      }
      throw new Error('a direct conversation could neither be created nor found');
    },
    async find(a, b) {
      const [row] = (await findConversationQuery(a, b).execute(db)).rows;
      return row && toConversation(row, a, b);
    },
    async haveConversations(pairs) {
      const { rows } = await haveConversationsQuery(pairs).execute(db);
      const found = new Set(rows.map(({ ord }) => ord));
      return pairs.map((_, i) => found.has(i + 1));
    },
  };
}

interface ConversationRow {
  id: ConversationId;
  created_at: Date;
}

function toConversation({ id, created_at }: ConversationRow, a: UserId, b: UserId): Conversation {
  return { id, kind: 'direct', participantIds: a === b ? [a] : [a, b], createdAt: created_at.toISOString() };
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
  return sql<ConversationRow & { created: boolean }>`
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

export function findConversationQuery(a: UserId, b: UserId) {
  const [low, high] = inOrder(a, b);
  return sql<ConversationRow>`
select c.id, c.created_at
from direct_conversations d
cross join lateral (select id, created_at from conversations where id = d.conversation_id limit 1) c
where d.user_low = ${low} and d.user_high = ${high}`;
}

/** One row per request of a member, or former member. */
export function membershipsQuery(requests: readonly MembershipRequest[]) {
  return sql<GroupRow & { ord: number }>`
select i.ord,${GROUP_COLUMNS}
from unnest(${requests.map(({ id }) => id)}::uuid[], ${requests.map(({ userId }) => userId)}::text[])
  with ordinality as i (conversation_id, user_id, ord)
cross join lateral (
  select m.conversation_id, m.user_id, m.role, m.left_title, m.left_count from members m
  where m.conversation_id = i.conversation_id and m.user_id = i.user_id
  limit 1
) m
cross join lateral (
  select c.title, c.member_count from conversations c where c.id = m.conversation_id limit 1
) c`;
}

export function smallGroupsQuery(ids: readonly ConversationId[]) {
  return sql<{ ord: number; user_id: UserId }>`
select i.ord, m.user_id
from unnest(${ids}::uuid[]) with ordinality as i (conversation_id, ord)
cross join lateral (
  select from conversations c where c.id = i.conversation_id and c.member_count <= ${LIMITS.smallGroup}::integer limit 1
) c
cross join lateral (
  select m.user_id from members m
  where m.conversation_id = i.conversation_id and m.role is not null
  limit ${LIMITS.smallGroup}::integer
) m`;
}

export function ownerQuery(id: ConversationId, except: UserId | null) {
  return sql<{ user_id: UserId }>`
select m.user_id from members m
where m.conversation_id = ${id}::uuid and m.role = 'owner'
order by m.user_id is not distinct from ${except}::text, m.joined_at, m.user_id
limit 1`;
}

/** One row per pair that has a conversation. */
export function haveConversationsQuery(pairs: readonly Pair[]) {
  const ordered = pairs.map(([a, b]) => inOrder(a, b));
  return sql<{ ord: number }>`
select i.ord
from unnest(${ordered.map(([low]) => low)}::text[], ${ordered.map(([, high]) => high)}::text[])
  with ordinality as i (user_low, user_high, ord)
cross join lateral (
  (select from direct_conversations d where d.user_low = i.user_low and d.user_high = i.user_high limit 1)
  union all
  (
    select
    from members a
    cross join lateral (
      select from members b
      where b.conversation_id = a.conversation_id and b.user_id = i.user_high and b.role is not null
      limit 1
    ) b
    cross join lateral (
      select from conversations c
      where c.id = a.conversation_id and c.member_count <= ${LIMITS.presenceGroup}::integer
      limit 1
    ) c
    where a.user_id = i.user_low and a.role is not null
    limit 1
  )
  limit 1
) d`;
}

/** Orders a pair by bytes, as the check constraint of the table does (collation "C"), not by UTF-16 code units. */
export function inOrder(a: UserId, b: UserId): [UserId, UserId] {
  return Buffer.compare(Buffer.from(a), Buffer.from(b)) <= 0 ? [a, b] : [b, a];
}
