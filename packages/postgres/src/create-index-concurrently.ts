import { type Kysely, sql } from 'kysely';

/**
 * Builds an index while its table is being written to, for a migration without a transaction. `on` is the part of the
 * statement after the name, e.g. `messages (conversation_id, id)`. An index that exists is kept; an invalid one, left
 * by a failed attempt, is rebuilt.
 */
export async function createIndexConcurrently(
  db: Kysely<unknown>,
  name: string,
  on: string,
  { unique = false }: { unique?: boolean } = {},
): Promise<void> {
  const { rows } = await sql<{ valid: boolean }>`
    select indisvalid as valid from pg_index where indexrelid = to_regclass(${name})`.execute(db);
  if (rows[0]?.valid) return;
  // No time limit: the build waits for all older transactions, but reads and writes do not wait for the build.
  await sql`set lock_timeout = 0`.execute(db);
  try {
    if (rows[0]) await sql`drop index concurrently ${sql.id(name)}`.execute(db);
    const kind = sql.raw(unique ? 'unique index' : 'index');
    await sql`create ${kind} concurrently ${sql.id(name)} on ${sql.raw(on)}`.execute(db);
  } finally {
    await sql`reset lock_timeout`.execute(db);
  }
}
