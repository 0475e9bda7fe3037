/*
 * Brings a schema up to date under traffic. One run at a time, by an advisory lock; then one migration after the other:
 *
 *   to come ──a short transaction, or statement by statement──▶ done
 *      ▲                     │
 *      └──pause──a table's lock was not had in time (10 times at the most)
 *
 * Names and form of the bookkeeping table, and the lock, are those of Kysely's own migrator, which earlier versions used.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import { MIGRATIONS, type Migration, type Migrations } from './migrations.ts';
import { readSchemaState } from './schema-state.ts';

export interface MigrateOptions {
  /** Default: those of this version. */
  migrations?: Migrations;
  /** True: also those of the phase `contract`. On an empty database, where nobody can need the old shape, they always run. */
  contract?: boolean;
  /** Milliseconds to wait for another run to end; default 5 minutes. */
  waitMs?: number;
  /** How often a migration is tried that does not get a lock; default 10, which takes about 80 s. */
  attempts?: number;
  /** Hears what happens, a line each. */
  say?: (line: string) => void;
}

/** It could not be done now, and nothing is wrong with it: the same command may succeed later. */
export class NotNow extends Error {
  code = 'NOT_NOW';
}

/** A migration is at fault. The message names it, and says what stays of it. */
export class MigrationFailed extends Error {
  code = 'MIGRATION_FAILED';
}

/** LOCK_ID of Kysely's PostgresAdapter. */
const LOCK = sql.lit('3853314791062309107');
const WAIT_MS = 300_000;
const ATTEMPTS = 10;
const LOOK_EVERY_MS = 500;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 10_000;
const CONNECT_TIMEOUT_MS = 10_000;
/**
 * Who waits for a table's lock has everybody who wants the table wait behind it: no longer than this, and then they have
 * their turn. Above Postgres's deadlock_timeout (1 s), after which an autovacuum gives way.
 */
const LOCK_TIMEOUT_MS = 1_500;
/** A statement of a transaction keeps its locks; what takes longer is not for a transaction. */
const STATEMENT_TIMEOUT_MS = 5_000;

/**
 * Runs what is to come on the database of `url`, a direct connection and not a transaction pooler, since the lock is the
 * session's. Safe to run many times at once. Resolves with the names of those it ran. Throws {@link NotNow},
 * {@link MigrationFailed}, or why Postgres could not be asked.
 */
export async function migrate(url: string, options: MigrateOptions = {}): Promise<string[]> {
  const db = openForMigrations(url);
  try {
    // One session to the end: another one would not have the lock.
    return await db.connection().execute(async (session) => {
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

/** Without the time limits of services: building an index takes as long as it takes. */
export function openForMigrations(url: string): Kysely<unknown> {
  const pool = new pg.Pool({
    connectionString: url,
    max: 1,
    application_name: 'chat-migrate',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    options: `-c lock_timeout=${LOCK_TIMEOUT_MS} -c statement_timeout=0 -c idle_in_transaction_session_timeout=0`,
    keepAlive: true,
  });
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return new Kysely({ dialect: new PostgresDialect({ pool }) });
}

/** Asks again and again: a session that waits in Postgres would be one that `create index concurrently` waits for. */
async function takeLock(db: Kysely<unknown>, { waitMs = WAIT_MS, say }: MigrateOptions): Promise<void> {
  const deadline = performance.now() + waitMs;
  for (let told = false; ; told = true) {
    const { rows } = await sql<{ mine: boolean }>`select pg_try_advisory_lock(${LOCK}) as mine`.execute(db);
    if (rows[0]?.mine) return;
    if (!told) say?.(`another run is at work: waiting up to ${Math.ceil(waitMs / 1_000)} s for its end`);
    if (performance.now() >= deadline) {
      throw new NotNow(`Another run still holds the lock after ${Math.ceil(waitMs / 1_000)} s: run this again later.`);
    }
    await pause(LOOK_EVERY_MS);
  }
}

async function runAll(db: Kysely<unknown>, options: MigrateOptions): Promise<string[]> {
  const { migrations = MIGRATIONS, contract = false, say } = options;
  await sql`
    create table if not exists kysely_migration (
      name varchar(255) primary key,
      "timestamp" varchar(255) not null
    )`.execute(db);
  const { done, expandsToCome, contractsToCome, unknown } = await readSchemaState(db, migrations);
  const all = contract || done.length === 0;
  const names = [...expandsToCome, ...(all ? contractsToCome : [])].sort();
  for (const [i, name] of names.entries()) {
    const started = performance.now();
    say?.(`running ${name} (${i + 1} of ${names.length})`);
    await runPatiently(db, name, migrations[name] as Migration, options);
    say?.(`migrated: ${name} (${((performance.now() - started) / 1_000).toFixed(1)} s)`);
  }
  if (names.length === 0) say?.('the schema is up to date');
  if (unknown.length > 0) say?.(`of a later version, and left alone: ${unknown.join(', ')}`);
  if (!all && contractsToCome.length > 0) {
    say?.(`left for --contract, once every process runs this version: ${contractsToCome.join(', ')}`);
  }
  return names;
}

async function runPatiently(
  db: Kysely<unknown>,
  name: string,
  migration: Migration,
  { attempts = ATTEMPTS, say }: MigrateOptions,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await runOnce(db, name, migration);
    } catch (error) {
      const kept =
        migration.transaction === false ? 'what it had done stays, and it can be run again' : 'nothing of it was kept';
      if (!isLock(error)) throw new MigrationFailed(`${name} failed: ${reasonOf(error)} (${kept}).`, { cause: error });
      const holders = await oldestTransactions(db);
      const why = `${name} did not get the lock of a table within ${LOCK_TIMEOUT_MS / 1_000} s; ${holders}`;
      if (attempt >= attempts)
        throw new NotNow(`${why}. Tried ${attempt} times, ${kept}: end that, and run this again.`);
      const ms = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS);
      say?.(`${why}: try ${attempt + 1} of ${attempts} in ${ms / 1_000} s`);
      await pause(ms);
    }
  }
}

async function runOnce(db: Kysely<unknown>, name: string, { up, transaction }: Migration): Promise<void> {
  const note = (where: Kysely<unknown>) =>
    sql`insert into kysely_migration (name, "timestamp") values (${name}, ${new Date().toISOString()})`.execute(where);
  if (transaction === false) {
    await up(db);
    await note(db);
    return;
  }
  await db.transaction().execute(async (tx) => {
    await sql`set local statement_timeout = ${sql.lit(STATEMENT_TIMEOUT_MS)}`.execute(tx);
    await up(tx);
    await note(tx);
  });
}

/** lock_not_available, deadlock_detected. */
function isLock(error: unknown): boolean {
  return error instanceof pg.DatabaseError && ['55P03', '40P01'].includes(error.code ?? '');
}

function reasonOf(error: unknown): string {
  if (error instanceof pg.DatabaseError && error.code === '57014') {
    return `a statement took longer than ${STATEMENT_TIMEOUT_MS / 1_000} s while it kept others from the table`;
  }
  return error instanceof Error ? error.message : String(error);
}

/** Of whom an operator would think first; never what they do, which may be anything. */
async function oldestTransactions(db: Kysely<unknown>): Promise<string> {
  const { rows } = await sql<{ pid: number; name: string; seconds: number }>`
    select pid, coalesce(nullif(application_name, ''), backend_type) as name,
      round(extract(epoch from clock_timestamp() - xact_start))::integer as seconds
    from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and xact_start < clock_timestamp() - interval '1 second'
    order by xact_start limit 3`.execute(db);
  if (rows.length === 0) return 'nobody has a long transaction now';
  return `the oldest transactions: ${rows.map(({ pid, name, seconds }) => `${name} for ${seconds} s (pid ${pid})`).join(', ')}`;
}
