import { type Kysely, sql } from 'kysely';
import type { Database } from './database.ts';
import { MIGRATIONS, type Migrations } from './migrations.ts';

/** State of a database compared with the migrations of a version; names are in order. */
export interface SchemaState {
  /** Migrations that were run; `at`: when they ended, ISO 8601. */
  done: { name: string; at: string }[];
  pendingExpands: string[];
  pendingContracts: string[];
  /** Migrations of a later version that were run. */
  unknown: string[];
}

/** Reads the state. Changes nothing, not even in an empty database. */
export async function readSchemaState(
  // biome-ignore lint/suspicious/noExplicitAny: the type of its tables does not matter.
  db: Kysely<any>,
  migrations: Migrations = MIGRATIONS,
): Promise<SchemaState> {
  const done = await executed(db);
  const isDone = new Set(done.map(({ name }) => name));
  const pending = Object.keys(migrations)
    .sort()
    .filter((name) => !isDone.has(name));
  return {
    done,
    pendingExpands: pending.filter((name) => migrations[name]?.phase !== 'contract'),
    pendingContracts: pending.filter((name) => migrations[name]?.phase === 'contract'),
    unknown: done.map(({ name }) => name).filter((name) => !(name in migrations)),
  };
}

/** Names of the migrations that this version needs and that were not run on this database. */
export async function pendingMigrations(db: Database): Promise<string[]> {
  return (await readSchemaState(db)).pendingExpands;
}

async function executed(db: Kysely<unknown>): Promise<SchemaState['done']> {
  const { rows: tables } = await sql<{ exists: boolean }>`
    select to_regclass('kysely_migration') is not null as exists`.execute(db);
  if (!tables[0]?.exists) return [];
  const { rows } = await sql<{ name: string; at: string }>`
    select name, "timestamp" as at from kysely_migration order by name`.execute(db);
  return rows;
}
