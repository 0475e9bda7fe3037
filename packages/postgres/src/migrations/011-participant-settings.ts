import { type Kysely, sql } from 'kysely';

/** Settings of a user for a direct conversation, and how far a device of the user has the messages. Null: the default. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table participants
      add column delivered_seq bigint,
      add column muted boolean,
      add column archived_seq bigint,
      add column marked_unread boolean`.execute(db);
}
