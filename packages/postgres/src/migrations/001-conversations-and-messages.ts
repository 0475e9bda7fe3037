import { type Kysely, sql } from 'kysely';

/**
 * Every unique key contains the column by which its table would be partitioned or distributed: conversation_id, and
 * user_low for direct_conversations. So a table can be partitioned later without a change of the code.
 *
 * Every batch updates rows of `conversations` and `participants`. No index contains a column that changes, and the
 * fillfactor leaves free space in each page, so these updates stay within the page (HOT) and write no index.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table conversations (
      id uuid primary key,
      kind text not null default 'direct' check (kind in ('direct')),
      last_seq bigint not null default 0,
      created_at timestamptz(3) not null default now(),
      updated_at timestamptz(3) not null default now()
    ) with (fillfactor = 70)`.execute(db);
  await sql`
    create table direct_conversations (
      user_low text not null,
      user_high text not null,
      conversation_id uuid not null,
      primary key (user_low, user_high),
      check (user_low collate "C" <= user_high collate "C")
    )`.execute(db);
  await sql`
    create table participants (
      conversation_id uuid not null,
      user_id text not null,
      last_read_seq bigint not null default 0,
      read_at timestamptz(3),
      unread_count integer not null default 0 check (unread_count >= 0),
      primary key (conversation_id, user_id)
    ) with (fillfactor = 70)`.execute(db);
  await sql`create index participants_user on participants (user_id)`.execute(db);
  await sql`
    create table messages (
      conversation_id uuid not null,
      seq bigint not null,
      id uuid not null,
      sender_id text not null,
      client_message_id text not null,
      content text,
      attachments jsonb,
      created_at timestamptz(3) not null default now(),
      primary key (conversation_id, seq),
      unique (conversation_id, sender_id, client_message_id)
    )`.execute(db);
}
