import { parseArgs } from 'node:util';
import { parseConfig } from '@chat-cluster/runtime';
import pg from 'pg';
import { z } from 'zod';
import { MIGRATIONS, type Migrations } from './migrations.ts';
import { type MigrateOptions, MigrationFailed, migrate, NotNow, openForMigrations } from './migrator.ts';
import { readSchemaState, type SchemaState } from './schema-state.ts';

const HELP = `DATABASE_URL=postgres://… node packages/postgres/src/migrate.ts [options]

Brings the schema up to date while the version before this one serves. Once per deploy, before its processes start; safe
to run many times at once. It needs a direct connection to Postgres, as a role that may change the schema.

  --status       what has been run and what is to come; changes nothing
  --contract     also what takes away the shape that earlier versions need: when every process runs this version
  --wait S       seconds to wait for another run to end (300)
  --attempts N   tries for a migration that does not get the lock of a table within 1.5 s (10)

Exit codes: 0 up to date · 1 a migration failed · 2 wrong options · 3 (--status) something is to come ·
4 not now: Postgres does not answer, another run does not end, or a lock was not had; run it again
`;

const EXIT = { done: 0, failed: 1, usage: 2, toCome: 3, notNow: 4 } as const;

/** Runs the command with these arguments; resolves with its exit code. Throws ConfigError without a DATABASE_URL. */
export async function migrateCommand(args: string[], migrations: Migrations = MIGRATIONS): Promise<number> {
  const options = optionsOf(args);
  if (typeof options === 'string') return complain(`${options} --help has them all.`, EXIT.usage);
  if (options.help) {
    process.stdout.write(HELP);
    return EXIT.done;
  }
  const { DATABASE_URL: url } = parseConfig(z.object({ DATABASE_URL: z.string() }), process.env);
  const say = (line: string) => void process.stdout.write(`${line}\n`);
  try {
    if (options.status) return await tellStatus(url, migrations, say);
    await migrate(url, { ...options, migrations, say });
    return EXIT.done;
  } catch (error) {
    return explain(error);
  }
}

type Options = Pick<MigrateOptions, 'contract' | 'waitMs' | 'attempts'> & { help: boolean; status: boolean };

/** A sentence when they are wrong. */
function optionsOf(args: string[]): Options | string {
  try {
    const { values } = parseArgs({
      args,
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        status: { type: 'boolean', default: false },
        contract: { type: 'boolean', default: false },
        wait: { type: 'string', default: '300' },
        attempts: { type: 'string', default: '10' },
      },
    });
    const { wait, attempts, ...flags } = values;
    const wrong = Object.entries({ wait, attempts }).find(([, text]) => !/^\d{1,6}$/.test(text));
    if (wrong) return `--${wrong[0]}: "${wrong[1]}" is no whole number.`;
    return { ...flags, waitMs: Number(wait) * 1_000, attempts: Number(attempts) };
  } catch (error) {
    return (error as Error).message;
  }
}

async function tellStatus(url: string, migrations: Migrations, say: (line: string) => void): Promise<number> {
  const db = openForMigrations(url);
  try {
    const state = await readSchemaState(db, migrations);
    for (const line of statusLines(state)) say(line);
    return state.expandsToCome.length > 0 ? EXIT.toCome : EXIT.done;
  } finally {
    await db.destroy();
  }
}

function statusLines({ done, expandsToCome, contractsToCome, unknown }: SchemaState): string[] {
  return [
    ...done.map(({ name, at }) => `done     ${name}  ${at}${unknown.includes(name) ? '  (of a later version)' : ''}`),
    ...expandsToCome.map((name) => `to come  ${name}`),
    ...contractsToCome.map((name) => `to come  ${name}  (with --contract)`),
    ...(expandsToCome.length + contractsToCome.length === 0 ? ['the schema is up to date'] : []),
  ];
}

function explain(error: unknown): number {
  if (error instanceof NotNow) return complain(error.message, EXIT.notNow);
  if (error instanceof MigrationFailed) return complain(error.message, EXIT.failed);
  // Postgres has answered, and says no: to the password, to the database, to the rights of the role.
  if (error instanceof pg.DatabaseError && !isStarting(error)) {
    return complain(
      `Postgres refuses: ${error.message}. Correct DATABASE_URL, or the rights of its role.`,
      EXIT.failed,
    );
  }
  const reason = error instanceof Error ? error.message || String((error as { code?: unknown }).code) : String(error);
  return complain(`Postgres does not answer: ${reason}. Start it, or correct DATABASE_URL.`, EXIT.notNow);
}

/** Classes 53 (no resources, e.g. connections) and 57 (it stops or starts). */
function isStarting({ code = '' }: pg.DatabaseError): boolean {
  return /^(53|57P)/.test(code);
}

function complain(sentence: string, exitCode: number): number {
  process.stderr.write(`${sentence}\n`);
  return exitCode;
}
