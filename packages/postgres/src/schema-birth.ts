import { sql } from 'kysely';
import type { Database } from './database.ts';

/**
 * When the schema was created: the end of its first migration, ISO 8601 with ms. It identifies the database of a
 * cluster. It stays the same through failovers, restores, upgrades of Postgres and moves to another server; a copy of
 * the database has the same. Undefined while no migration has run.
 */
export async function schemaBirth(db: Database): Promise<string | undefined> {
  const { rows } = await sql<{ at: string }>`
    select "timestamp" as at from kysely_migration order by name limit 1`.execute(db);
  return rows[0]?.at;
}
