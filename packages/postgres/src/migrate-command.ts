import {
  ConfigError,
  commonConfig,
  parseConfig,
  parseOptions,
  text,
  UserError,
  wholeNumber,
} from '@chat-cluster/runtime';
import pg from 'pg';
import { z } from 'zod';
import { MIGRATIONS, type Migrations } from './migrations.ts';
import { MigrationBlocked, MigrationFailed, migrate, openForMigrations } from './migrator.ts';
import { TransactionPooling } from './pooler.ts';
import { grantRoles, ROLE_PASSWORDS } from './roles.ts';
import { readSchemaState, type SchemaState } from './schema-state.ts';
import { SessionRefused } from './session-client.ts';

const HELP = `DATABASE_URL=postgres://… node packages/postgres/src/migrate.ts [options]

Migrates the database schema to this version. Processes of the previous version continue to work meanwhile. Run it once
per deploy, before the new processes start; concurrent runs are safe. It needs Postgres itself, or PgBouncer in session mode, with a
role that may change the schema.

  --status       show the migrations that are done and those that are pending; changes nothing
  --contract     also run the migrations that break earlier versions; use it when every process runs this version
  --roles        afterwards give chat_gateway and chat_worker their rights (roles.sql). CHAT_GATEWAY_PASSWORD and
                 CHAT_WORKER_PASSWORD create these roles, or change their passwords; without them the roles must exist
  --wait S       seconds to wait for another run to end (300)
  --attempts N   attempts for a migration that does not get the lock of a table within 1.5 s (10)

Exit codes: 0 up to date · 1 a migration failed · 2 invalid options · 3 (--status) migrations are pending ·
4 run it again later: Postgres does not respond, another run does not end, or a table lock is not available
`;

const EXIT = { done: 0, failed: 1, usage: 2, pending: 3, later: 4 } as const;

const OPTIONS = z.object({
  status: z.boolean().default(false),
  contract: z.boolean().default(false),
  roles: z.boolean().default(false),
  wait: wholeNumber(0, 999_999).default(300),
  attempts: wholeNumber(0, 999_999).default(10),
});

/** The settings of the command. */
export const migrateSettings = z.object({
  DATABASE_URL: commonConfig.shape.DATABASE_URL,
  [ROLE_PASSWORDS.chat_gateway]: text().optional(),
  [ROLE_PASSWORDS.chat_worker]: text().optional(),
});

/** Runs the command with these arguments; resolves with its exit code. Throws ConfigError without a DATABASE_URL. */
export async function migrateCommand(args: string[], migrations: Migrations = MIGRATIONS): Promise<number> {
  const report = (line: string) => void process.stdout.write(`${line}\n`);
  try {
    const options = parseOptions(args, OPTIONS);
    if (!options) {
      process.stdout.write(HELP);
      return EXIT.done;
    }
    const { status, contract, roles, wait, attempts } = options.values;
    const { DATABASE_URL: url, ...passwords } = parseConfig(migrateSettings, process.env);
    if (status) return await reportStatus(url, migrations, report);
    await migrate(url, { contract, waitMs: wait * 1_000, attempts, migrations, report });
    if (roles) {
      await grantRoles(url, {
        chat_gateway: passwords.CHAT_GATEWAY_PASSWORD,
        chat_worker: passwords.CHAT_WORKER_PASSWORD,
      });
      report('roles: chat_gateway and chat_worker have their rights');
    }
    return EXIT.done;
  } catch (error) {
    return explain(error);
  }
}

async function reportStatus(url: string, migrations: Migrations, report: (line: string) => void): Promise<number> {
  const db = openForMigrations(url);
  try {
    const state = await readSchemaState(db, migrations);
    for (const line of statusLines(state)) report(line);
    return state.pendingExpands.length > 0 ? EXIT.pending : EXIT.done;
  } finally {
    await db.destroy();
  }
}

function statusLines({ done, pendingExpands, pendingContracts, unknown }: SchemaState): string[] {
  return [
    ...done.map(({ name, at }) => `done     ${name}  ${at}${unknown.includes(name) ? '  (of a later version)' : ''}`),
    ...pendingExpands.map((name) => `pending  ${name}`),
    ...pendingContracts.map((name) => `pending  ${name}  (with --contract)`),
    ...(pendingExpands.length + pendingContracts.length === 0 ? ['the schema is up to date'] : []),
  ];
}

function explain(error: unknown): number {
  if (error instanceof ConfigError) throw error;
  if (error instanceof TransactionPooling) return complain(`${error.message}.`, EXIT.failed);
  if (error instanceof UserError) return complain(error.message, EXIT.usage);
  if (error instanceof MigrationBlocked) return complain(error.message, EXIT.later);
  if (error instanceof MigrationFailed) return complain(error.message, EXIT.failed);
  if (error instanceof SessionRefused) {
    const fix = error.message.startsWith('DATABASE_URL')
      ? ''
      : ' Set DATABASE_URL to the primary, or wait for the failover to end.';
    return complain(`${error.message}.${fix}`, EXIT.later);
  }
  // Postgres responds, but rejects the password, the database or the rights of the role.
  if (error instanceof pg.DatabaseError && !isStarting(error)) {
    return complain(
      `Postgres rejects this: ${error.message}. Correct DATABASE_URL, or the rights of its role.`,
      EXIT.failed,
    );
  }
  const reason = error instanceof Error ? error.message || String((error as { code?: unknown }).code) : String(error);
  return complain(`Postgres does not respond: ${reason}. Start it, or correct DATABASE_URL.`, EXIT.later);
}

/** SQLSTATE 53… (no resources, for example connections) or 57P… (Postgres stops or starts). */
function isStarting({ code = '' }: pg.DatabaseError): boolean {
  return /^(53|57P)/.test(code);
}

function complain(sentence: string, exitCode: number): number {
  process.stderr.write(`${sentence}\n`);
  return exitCode;
}
