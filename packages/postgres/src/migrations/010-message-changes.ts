import { type Kysely, sql } from 'kysely';

/**
 * `counted_at`: the value of `conversations.counted` after this entry; null in a direct conversation. `extra`: an entry
 * about the group itself, a reply, mentions. `reactions`: a list of `{emoji, count}`. All of them are null in a message
 * that has none.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table messages
      add column counted_at bigint,
      add column extra jsonb,
      add column reactions jsonb,
      add column rev bigint,
      add column edited_at timestamptz(3),
      add column deleted_at timestamptz(3),
      add column deleted_by text collate "C"`.execute(db);
}
