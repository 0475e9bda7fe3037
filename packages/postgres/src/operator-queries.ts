import type { ClientMessageId, ConversationId, MessageId, UserId } from '@chat-cluster/contracts';
import { sql } from 'kysely';
import { readPage } from './conversation-list.ts';
import type { Database } from './database.ts';
import { summariesWithGroupsQuery } from './unread-counts.ts';

/** A conversation as one of its participants has it, without messages. */
export interface ConversationMarks {
  conversationId: ConversationId;
  /** null: a group. */
  otherUserId: UserId | null;
  readSeq: number;
  lastSeq: number;
  unread: number;
  updatedAt: Date;
}

/** A conversation with the read marks of its participants. */
export interface ConversationState {
  lastSeq: number;
  participants: readonly { userId: UserId; readSeq: number }[];
}

/** A message without its content. */
export interface StoredMessage {
  id: MessageId;
  conversationId: ConversationId;
  seq: number;
  senderId: UserId;
  clientMessageId: ClientMessageId;
  storedAt: Date;
}

/** The state of the Postgres server. */
export interface ServerFigures {
  version: string;
  connections: number;
  maxConnections: number;
}

export type OperatorQueries = ReturnType<typeof createOperatorQueries>;

/** The lookups of operators. No method returns the content of a message. */
export function createOperatorQueries(db: Database) {
  return {
    /** A page of a user's conversations, newest activity first. Rejects an unknown cursor with VALIDATION_FAILED. */
    async conversationsOf(userId: UserId, limit: number, cursor: string | undefined) {
      const { page, nextCursor } = await readPage(db, userId, limit, cursor);
      const conversations = page.map(
        (row): ConversationMarks => ({
          conversationId: row.id,
          otherUserId: 'windows' in row ? null : (row.other_user_id ?? userId),
          readSeq: row.own_read_seq,
          lastSeq: row.last_seq,
          unread: row.unread_count,
          updatedAt: row.updated_at,
        }),
      );
      return { conversations, nextCursor };
    },
    /** Unread messages of a user, over all conversations. */
    async unreadOf(userId: UserId): Promise<number> {
      const { rows } = await summariesWithGroupsQuery([userId]).execute(db);
      return rows[0]?.count ?? 0;
    },
    async conversation(id: ConversationId): Promise<ConversationState | undefined> {
      const { rows } = await conversationStateQuery(id).execute(db);
      const [first] = rows;
      if (!first) return undefined;
      return {
        lastSeq: first.last_seq,
        participants: rows.map((row) => ({ userId: row.user_id, readSeq: row.read_seq })),
      };
    },
    async message(id: MessageId): Promise<StoredMessage | undefined> {
      return findMessageQuery(db, id).executeTakeFirst();
    },
    async server(): Promise<ServerFigures> {
      const { rows } = await serverFiguresQuery().execute(db);
      return rows[0] as ServerFigures;
    },
    /** Size of the database, in bytes. Postgres reads the size of every file, so do not call it every second. */
    async databaseBytes(): Promise<number> {
      const { rows } = await sql<{ bytes: number }>`select pg_database_size(current_database()) as bytes`.execute(db);
      return rows[0]?.bytes ?? 0;
    },
  };
}

/** One row per participant, or per member of a group, up to 100. The limits make every plan use one index lookup per row. */
export function conversationStateQuery(id: ConversationId) {
  return sql<{ last_seq: number; user_id: UserId; read_seq: number }>`
select c.last_seq, p.user_id, p.last_read_seq as read_seq
from (select id, last_seq from conversations where id = ${id}::uuid limit 1) c
cross join lateral (
  (select p.user_id, p.last_read_seq from participants p where p.conversation_id = c.id limit 2)
  union all
  (
    select m.user_id, m.last_read_seq from members m
    where m.conversation_id = c.id and m.role is not null
    limit 100
  )
) p
order by p.user_id`;
}

/** By the index of migration 007, which holds the smallest and the greatest id of each range of pages. */
export function findMessageQuery(db: Database, id: MessageId) {
  return db
    .selectFrom('messages')
    .select([
      'id',
      'conversation_id as conversationId',
      'seq',
      'sender_id as senderId',
      'client_message_id as clientMessageId',
      'created_at as storedAt',
    ])
    .where('id', '=', id);
}

export function serverFiguresQuery() {
  return sql<ServerFigures>`
select
  current_setting('server_version') as version,
  (select count(*)::integer from pg_stat_activity where backend_type = 'client backend') as connections,
  current_setting('max_connections')::integer as "maxConnections"`;
}
