import { type Kysely, sql } from 'kysely';

/**
 * Members of groups have a table of their own, so a process of an earlier version finds no participants of a group and
 * treats it as a conversation that does not exist. A row of a former member stays, with `role` null.
 *
 * Every key begins with the column by which its table would be partitioned. `members` has free space in its pages,
 * because each message updates the row of its sender; no index contains a column that this changes.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const run = (statement: string) => sql.raw(statement).execute(db);
  await run(`
    create table members (
      conversation_id uuid not null,
      user_id text collate "C" not null,
      role text check (role in ('owner', 'admin', 'member')),
      joined_at timestamptz(3) not null default now(),
      left_at timestamptz(3),
      last_read_seq bigint not null default 0,
      read_counted bigint not null default 0,
      own_after integer not null default 0 check (own_after >= 0),
      mention_count integer not null default 0 check (mention_count >= 0),
      read_at timestamptz(3),
      delivered_seq bigint,
      muted boolean,
      archived_counted bigint,
      marked_unread boolean,
      primary key (conversation_id, user_id)
    ) with (fillfactor = 70)`);
  await run('create index members_user on members (user_id)');
  await run(`
    create table memberships (
      conversation_id uuid not null,
      user_id text collate "C" not null,
      from_seq bigint not null,
      to_seq bigint,
      primary key (conversation_id, user_id, from_seq)
    )`);
  await run(`
    create table user_groups (
      user_id text collate "C" primary key,
      groups integer not null default 0 check (groups >= 0)
    ) with (fillfactor = 70)`);
  await run(`
    create table deletions (
      conversation_id uuid not null,
      seq bigint not null,
      sender_id text collate "C" not null,
      primary key (conversation_id, seq)
    )`);
  await run(`
    create table all_mentions (
      conversation_id uuid not null,
      seq bigint not null,
      sender_id text collate "C" not null,
      primary key (conversation_id, seq)
    )`);
  await run(`
    create table message_versions (
      conversation_id uuid not null,
      seq bigint not null,
      version integer not null,
      content text,
      edited_at timestamptz(3) not null default now(),
      edited_by text collate "C" not null,
      change_id text collate "C" not null,
      primary key (conversation_id, seq, version)
    )`);
  await run(`
    create table reactions (
      conversation_id uuid not null,
      seq bigint not null,
      emoji text collate "C" not null,
      user_id text collate "C" not null,
      reacted_at timestamptz(3) not null default now(),
      primary key (conversation_id, seq, emoji, user_id)
    )`);
  await run(`
    create table blocks (
      user_id text collate "C" not null,
      blocked_id text collate "C" not null,
      blocked_at timestamptz(3) not null default now(),
      primary key (user_id, blocked_id)
    )`);
}
