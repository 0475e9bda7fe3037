import { type Kysely, sql } from 'kysely';

/**
 * Builds an index while its table is written to: for a migration without a transaction. `on` is what follows the name,
 * e.g. `messages (conversation_id, id)`. One that is there already is left as it is; what a failed try left is built anew.
 */
export async function createIndexConcurrently(db: Kysely<unknown>, name: string, on: string): Promise<void> {
  const { rows } = await sql<{ valid: boolean }>`
    select indisvalid as valid from pg_index where indexrelid = to_regclass(${name})`.execute(db);
  if (rows[0]?.valid) return;
  // It waits for every transaction that is older than it, however long, and nobody waits for it.
  await sql`set lock_timeout = 0`.execute(db);
  try {
    if (rows[0]) await sql`drop index concurrently ${sql.id(name)}`.execute(db);
    await sql`create index concurrently ${sql.id(name)} on ${sql.raw(on)}`.execute(db);
  } finally {
    await sql`reset lock_timeout`.execute(db);
  }
}
