import { type Kysely, sql } from 'kysely';

/**
 * `kept_ms`: time after `changed_at` until the last token that a revocation concerns has expired, in ms; null: not known,
 * so the row is kept. It is a duration, because the previous version renews a row by setting `changed_at` only.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table token_revocations add column kept_ms bigint`.execute(db);
}
