import { type Kysely, sql } from 'kysely';

/**
 * What a group has beside a direct conversation, and the number of changes of either. The columns are null in a direct
 * conversation, so its row grows by the bitmap of nulls only. `counted`: entries that make unread. `members_seq`: the
 * entry that changed the members last. `changed_at`: time of the last change of a message. `last_deletion_seq`,
 * `last_all_seq`: the greatest `seq` of a deleted message, and of a message that mentions all; a count reads the tables
 * `deletions` and `all_mentions` only if it is unread.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table conversations
      add column title text,
      add column counted bigint,
      add column member_count integer,
      add column members_seq bigint,
      add column has_room boolean,
      add column last_rev bigint,
      add column changed_at timestamptz(3),
      add column last_deletion_seq bigint,
      add column last_all_seq bigint,
      drop constraint conversations_kind_check,
      add constraint conversations_kind_check check (kind in ('direct', 'group')) not valid`.execute(db);
}
