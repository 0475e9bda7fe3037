import { setTimeout as pause } from 'node:timers/promises';
import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import { MIGRATIONS, type Migration, type Migrations } from './migrations.ts';
import { TransactionPooling, usesTransactionPooling } from './pooler.ts';
import { unmetRequirements } from './requirements.ts';
import { readSchemaState } from './schema-state.ts';
import { SessionClient, type SessionConfig } from './session-client.ts';

/**
 * Migrates the database of `url` under traffic. One run at a time holds an advisory lock and executes the migrations
 * one after the other:
 *
 *   pending ──a short transaction, or statement by statement──▶ done
 *      ▲                     │
 *      └──pause──no table lock in time (at most `attempts` times)
 *
 * Refuses a transaction pooler (TransactionPooling), since the lock belongs to the session. Several runs at
 * once are safe. Resolves with the names of the migrations that it ran. Throws MigrationBlocked, MigrationFailed, or
 * the error of the connection.
 *
 * Replaces Kysely's migrator and uses the same table and advisory lock. Kysely's waits up to an hour for the lock of a
 * table, while all other sessions wait behind it; it runs all migrations in one transaction or in none; and it fails on
 * a schema of a later version.
 */
export async function migrate(url: string, options: MigrateOptions = {}): Promise<string[]> {
  if (await usesTransactionPooling(url)) throw new TransactionPooling();
  const db = openForMigrations(url);
  try {
    // All statements use this session, because the lock belongs to it.
    return await db.connection().execute(async (session) => {
      await refuseUnsuitable(session, url);
      await takeLock(session, options);
      try {
        return await runAll(session, options);
      } finally {
        await sql`select pg_advisory_unlock(${LOCK})`.execute(session).catch(() => {});
      }
    });
  } finally {
    await db.destroy();
  }
}

export interface MigrateOptions {
  /** Default: the migrations of this version. */
  migrations?: Migrations;
  /** True: also run contracts. On an empty database, where no process needs the old shape, they always run. */
  contract?: boolean;
  /** Longest wait for another run to end, in ms; default 5 minutes. */
  waitMs?: number;
  /** Attempts for a migration that does not get a lock; default 10, which takes about 80 s. */
  attempts?: number;
  /** Receives the progress, line by line. */
  report?: (line: string) => void;
}

/** The migration cannot run now because another session blocks it. The same command may succeed later. */
export class MigrationBlocked extends Error {
  code = 'MIGRATION_BLOCKED';
}

/** A migration is faulty. The message names it and states what remains of its work. */
export class MigrationFailed extends Error {
  code = 'MIGRATION_FAILED';
}

/** LOCK_ID of Kysely's PostgresAdapter. */
const LOCK = sql.lit('3853314791062309107');
const WAIT_MS = 300_000;
const ATTEMPTS = 10;
const LOCK_RETRY_MS = 500;
const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 10_000;
const CONNECT_TIMEOUT_MS = 10_000;
/**
 * Maximum wait for the lock of a table, in ms. While a migration waits, all other sessions that need the table wait
 * behind it; after the time-out they continue. Longer than Postgres's deadlock_timeout (1 s), after which an autovacuum
 * that blocks the migration is cancelled.
 */
const LOCK_TIMEOUT_MS = 1_500;
/** Time limit of a statement in a transaction, in ms. Locks last until the commit, so longer work uses none. */
const STATEMENT_TIMEOUT_MS = 5_000;

/** Opens a connection without the time limits of services: building an index may take long. */
export function openForMigrations(url: string): Kysely<unknown> {
  const config: SessionConfig = {
    connectionString: url,
    max: 1,
    application_name: 'chat-migrate',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    limits: { lock_timeout: LOCK_TIMEOUT_MS, statement_timeout: 0, idle_in_transaction_session_timeout: 0 },
  };
  const pool = new pg.Pool({ Client: SessionClient as unknown as new () => pg.Client, ...config });
  pool.on('error', () => {});
  return new Kysely({ dialect: new PostgresDialect({ pool }) });
}

/**
 * Refuses a database in which the chat could not work. It also refuses a schema without tables when the tables of the chat
 * are in another schema, where the role's `search_path` led earlier versions: a second set of tables would be empty.
 */
async function refuseUnsuitable(db: Kysely<unknown>, url: string): Promise<void> {
  const [unmet] = await unmetRequirements(db);
  if (unmet) throw new MigrationFailed(`This database cannot be used: ${unmet.problem}. Fix: ${unmet.fix}.`);
  if (/search[_-]path/i.test(decodeURIComponent(url))) return;
  const { rows } = await sql<{ schema: string }>`
    select nspname as schema from pg_class join pg_namespace n on n.oid = relnamespace
    where relname = 'direct_conversations' and to_regclass('direct_conversations') is null`.execute(db);
  const [found] = rows;
  if (!found) return;
  throw new MigrationFailed(
    `The tables of the chat are in the schema ${found.schema}, and without search_path in DATABASE_URL the schema is ` +
      `public. Append ?options=-c%20search_path%3D${found.schema} to DATABASE_URL of every process.`,
  );
}

/** Polls, because `create index concurrently` of the other run waits for sessions that wait for a lock in Postgres. */
async function takeLock(db: Kysely<unknown>, { waitMs = WAIT_MS, report }: MigrateOptions): Promise<void> {
  const deadline = performance.now() + waitMs;
  const seconds = Math.ceil(waitMs / 1_000);
  for (let attempt = 1; ; attempt++) {
    const { rows } = await sql<{ taken: boolean }>`select pg_try_advisory_lock(${LOCK}) as taken`.execute(db);
    if (rows[0]?.taken) return;
    if (attempt === 1) report?.(`waiting up to ${seconds} s for another run to end`);
    if (performance.now() >= deadline) {
      throw new MigrationBlocked(`Another run still holds the lock after ${seconds} s: run this again later.`);
    }
    await pause(LOCK_RETRY_MS);
  }
}

async function runAll(db: Kysely<unknown>, options: MigrateOptions): Promise<string[]> {
  const { migrations = MIGRATIONS, contract = false, report } = options;
  await sql`
    create table if not exists kysely_migration (
      name varchar(255) primary key,
      "timestamp" varchar(255) not null
    )`.execute(db);
  const { done, pendingExpands, pendingContracts, unknown } = await readSchemaState(db, migrations);
  const all = contract || done.length === 0;
  const names = [...pendingExpands, ...(all ? pendingContracts : [])].sort();
  for (const [i, name] of names.entries()) {
    const started = performance.now();
    report?.(`running ${name} (${i + 1} of ${names.length})`);
    await runWithRetries(db, name, migrations[name] as Migration, options);
    report?.(`migrated: ${name} (${((performance.now() - started) / 1_000).toFixed(1)} s)`);
  }
  if (names.length === 0) report?.('the schema is up to date');
  if (unknown.length > 0) report?.(`of a later version, left unchanged: ${unknown.join(', ')}`);
  if (!all && pendingContracts.length > 0) {
    report?.(`left for --contract, once every process runs this version: ${pendingContracts.join(', ')}`);
  }
  return names;
}

async function runWithRetries(
  db: Kysely<unknown>,
  name: string,
  migration: Migration,
  { attempts = ATTEMPTS, report }: MigrateOptions,
): Promise<void> {
  const kept = migration.transaction === false ? 'its finished statements remain, and it can run again' : 'rolled back';
  for (let attempt = 1; ; attempt++) {
    try {
      return await runOnce(db, name, migration);
    } catch (error) {
      if (!isLock(error)) throw new MigrationFailed(`${name} failed: ${reasonOf(error)} (${kept}).`, { cause: error });
      const holders = await oldestTransactions(db);
      const why = `${name} did not get the lock of a table within ${LOCK_TIMEOUT_MS / 1_000} s; ${holders}`;
      if (attempt >= attempts) {
        throw new MigrationBlocked(
          `${why}. Attempts: ${attempt} (${kept}). End the blocking transaction, and run this again.`,
        );
      }
      const ms = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), MAX_PAUSE_MS);
      report?.(`${why}: attempt ${attempt + 1} of ${attempts} in ${ms / 1_000} s`);
      await pause(ms);
    }
  }
}

async function runOnce(db: Kysely<unknown>, name: string, { up, transaction }: Migration): Promise<void> {
  const record = (where: Kysely<unknown>) =>
    sql`insert into kysely_migration (name, "timestamp") values (${name}, ${new Date().toISOString()})`.execute(where);
  if (transaction === false) {
    await up(db);
    await record(db);
    return;
  }
  await db.transaction().execute(async (tx) => {
    await sql`set local statement_timeout = ${sql.lit(STATEMENT_TIMEOUT_MS)}`.execute(tx);
    await up(tx);
    await record(tx);
  });
}

/** lock_not_available or deadlock_detected. */
function isLock(error: unknown): boolean {
  return error instanceof pg.DatabaseError && ['55P03', '40P01'].includes(error.code ?? '');
}

function reasonOf(error: unknown): string {
  if (error instanceof pg.DatabaseError && error.code === '57014') {
    return `a statement took longer than ${STATEMENT_TIMEOUT_MS / 1_000} s while it held locks`;
  }
  return error instanceof Error ? error.message : String(error);
}

/** The transactions that most likely hold the lock, without their statements, which may contain texts of messages. */
async function oldestTransactions(db: Kysely<unknown>): Promise<string> {
  const { rows } = await sql<{ pid: number; name: string; seconds: number }>`
    select pid, coalesce(nullif(application_name, ''), backend_type) as name,
      round(extract(epoch from clock_timestamp() - xact_start))::integer as seconds
    from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()
      and xact_start < clock_timestamp() - interval '1 second'
    order by xact_start limit 3`.execute(db);
  if (rows.length === 0) return 'there is no long transaction now';
  const list = rows.map(({ pid, name, seconds }) => `${name} for ${seconds} s (pid ${pid})`);
  return `the oldest transactions: ${list.join(', ')}`;
}
