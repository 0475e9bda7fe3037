import { type Kysely, sql } from 'kysely';

/** What a former member sees of its group: the title and the number of members at the end of the membership. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table members add column left_title text, add column left_count integer`.execute(db);
}
