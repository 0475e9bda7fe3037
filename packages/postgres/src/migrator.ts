import { type MigrationResult, Migrator } from 'kysely/migration';
import type { Database } from './database.ts';
import * as conversationsAndMessages from './migrations/001-conversations-and-messages.ts';
import * as deadLetters from './migrations/002-dead-letters.ts';

const MIGRATIONS = {
  '001-conversations-and-messages': conversationsAndMessages,
  '002-dead-letters': deadLetters,
};

/**
 * Brings the schema up to date; safe to run from many processes at once (Kysely takes a session-level advisory lock,
 * so give it a direct connection, not a transaction pooler). Returns what it ran; throws the first failure.
 */
export async function migrate(db: Database): Promise<MigrationResult[]> {
  const { error, results = [] } = await migratorOf(db).migrateToLatest();
  if (error) throw error;
  return results;
}

/** The names of those that have not been run on this database. */
export async function migrationsToCome(db: Database): Promise<string[]> {
  const migrations = await migratorOf(db).getMigrations();
  return migrations.filter(({ executedAt }) => executedAt === undefined).map(({ name }) => name);
}

function migratorOf(db: Database): Migrator {
  return new Migrator({ db, provider: { getMigrations: async () => MIGRATIONS } });
}
