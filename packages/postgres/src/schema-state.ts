import { type Kysely, sql } from 'kysely';
import type { Database } from './database.ts';
import { MIGRATIONS, type Migrations } from './migrations.ts';

/** Where a database stands, seen by a version that knows `migrations`; names in order. */
export interface SchemaState {
  /** With the moment of their end, ISO 8601. */
  done: { name: string; at: string }[];
  expandsToCome: string[];
  contractsToCome: string[];
  /** Were run by a later version. */
  unknown: string[];
}

/** Changes nothing, also not on an empty database. */
export async function readSchemaState(
  // biome-ignore lint/suspicious/noExplicitAny: which tables it knows does not matter.
  db: Kysely<any>,
  migrations: Migrations = MIGRATIONS,
): Promise<SchemaState> {
  const done = await executed(db);
  const isDone = new Set(done.map(({ name }) => name));
  const toCome = Object.keys(migrations)
    .sort()
    .filter((name) => !isDone.has(name));
  return {
    done,
    expandsToCome: toCome.filter((name) => migrations[name]?.phase !== 'contract'),
    contractsToCome: toCome.filter((name) => migrations[name]?.phase === 'contract'),
    unknown: done.map(({ name }) => name).filter((name) => !(name in migrations)),
  };
}

/** The names of those that this version needs and that have not been run on this database. */
export async function migrationsToCome(db: Database): Promise<string[]> {
  return (await readSchemaState(db)).expandsToCome;
}

async function executed(db: Kysely<unknown>): Promise<SchemaState['done']> {
  const { rows: tables } = await sql<{ there: boolean }>`
    select to_regclass('kysely_migration') is not null as there`.execute(db);
  if (!tables[0]?.there) return [];
  const { rows } = await sql<{ name: string; at: string }>`
    select name, "timestamp" as at from kysely_migration order by name`.execute(db);
  return rows;
}
