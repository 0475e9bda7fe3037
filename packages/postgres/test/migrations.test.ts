import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { repository } from '@chat-cluster/local-cluster';
import {
  createIndexConcurrently,
  MIGRATIONS,
  type Migration,
  MigrationBlocked,
  MigrationFailed,
  type Migrations,
  migrate,
  openForMigrations,
  readSchemaState,
} from '@chat-cluster/postgres';
import { emptyDatabase, eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { type Kysely, sql } from 'kysely';
import { migration } from './statements-migration.ts';

const COMMAND = join(repository, 'packages/postgres/src/migrate.ts');
const NAMES = Object.keys(MIGRATIONS);

describe('migrations', () => {
  let url: string;
  let drop: () => Promise<void>;
  let db: Kysely<unknown>;
  const commands: ChildProcess[] = [];

  beforeEach(async () => {
    ({ url, drop } = await emptyDatabase());
    db = openForMigrations(url);
  });
  afterEach(async () => {
    for (const command of commands.splice(0)) command.kill('SIGKILL');
    await db.destroy();
    await drop();
  });

  const more = (name: string, one: Migration): Migrations => ({ ...MIGRATIONS, [name]: one });

  async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const child = spawn(process.execPath, [COMMAND, ...args], { env: { ...process.env, DATABASE_URL: url } });
    commands.push(child);
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      err += chunk;
    });
    const [code] = await once(child, 'close');
    return { code, out, err };
  }

  /** Holds a lock in a separate transaction until `release` is called. */
  async function holdLock(statement: string): Promise<{ release(): Promise<void> }> {
    const other = openForMigrations(url);
    let end: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      end = resolve;
    });
    let done: Promise<void> = Promise.resolve();
    await new Promise<void>((locked, reject) => {
      done = other.connection().execute(async (session) => {
        await session.transaction().execute(async (tx) => {
          await sql.raw(statement).execute(tx);
          locked();
          await held;
        });
      });
      done.catch(reject);
    });
    return {
      release: async () => {
        end();
        await done;
        await other.destroy();
      },
    };
  }

  describe('the command', () => {
    it('runs each migration once for four processes at once on an empty database; --status shows them', async () => {
      const before = await run('--status');
      const isContract = (name: string) => MIGRATIONS[name]?.phase === 'contract';
      const expands = NAMES.filter((name) => !isContract(name)).map((name) => `pending  ${name}\n`);
      const contracts = NAMES.filter(isContract).map((name) => `pending  ${name}  (with --contract)\n`);
      expect(before).to.include({ code: 3, out: [...expands, ...contracts].join('') });
      const runs = await Promise.all(Array.from({ length: 4 }, () => run()));
      expect(runs.map(({ code, err }) => `${code} ${err}`)).to.deep.equal(Array(4).fill('0 '));
      const ran = runs.flatMap(({ out }) => out.match(/(?<=^migrated: )\S+/gm) ?? []);
      expect(ran).to.deep.equal(NAMES);
      const { done, pendingExpands } = await readSchemaState(db);
      expect([done.map(({ name }) => name), pendingExpands]).to.deep.equal([NAMES, []]);
    });

    it('exits with 4 and a sentence when another run does not end, or Postgres does not respond', async () => {
      await db.connection().execute(async (session) => {
        await sql`select pg_advisory_lock(3853314791062309107)`.execute(session);
        const waited = await run('--wait', '0');
        expect(waited).to.include({ code: 4, out: 'waiting up to 0 s for another run to end\n' });
        expect(waited.err).to.match(/still holds the lock/);
      });
      url = 'postgres://chat@127.0.0.1:1/chat';
      const unreachable = await run();
      expect(unreachable.code).to.equal(4);
      expect(unreachable.err).to.match(
        /^Postgres does not respond: .*ECONNREFUSED.*\. Start it, or correct DATABASE_URL\.\n$/,
      );
    });

    it('prints its help, and exits with 2 for invalid options', async () => {
      const [help, invalid] = await Promise.all([run('--help'), run('--attempts', 'x')]);
      expect(help.code).to.equal(0);
      expect(help.out).to.include('--contract');
      expect(invalid).to.include({ code: 2, out: '' });
    });
  });

  describe('a run', () => {
    it('waits for a table lock for at most 1.5 s at a time, lets other sessions run, and tries again', async () => {
      await migrate(url);
      const { release } = await holdLock('select from messages');
      const lines: string[] = [];
      const running = migrate(url, {
        migrations: more('900-column', migration(['alter table messages add column note text'])),
        report: (line) => lines.push(line),
      });
      await eventually(() => expect(lines.join()).to.match(/did not get the lock .* attempt 2 of 10/));
      // No session waits for a lock now.
      const queued = await sql`select from pg_locks where not granted`.execute(db);
      expect(queued.rows).to.deep.equal([]);
      await release();
      expect(await running).to.deep.equal(['900-column']);
    });

    it('gives up after its attempts, rolls back, and names the oldest transactions', async () => {
      await migrate(url);
      const { release } = await holdLock('select from messages');
      const statements = ['create table half (id int)', 'alter table messages add column note text'];
      const failure = await failureOf(
        migrate(url, { attempts: 1, migrations: more('900-two', migration(statements)) }),
      );
      await release();
      expect(failure).to.be.instanceOf(MigrationBlocked);
      expect(failure.message).to.match(/oldest transactions: chat-migrate for \d+ s \(pid \d+\)\. Attempts: 1/);
      const { rows } = await sql<{ half: unknown }>`select to_regclass('half') as half`.execute(db);
      expect(rows[0]?.half).to.equal(null);
    });

    it('builds an index beside a writer, and rebuilds it after a cancelled attempt', async () => {
      await migrate(url);
      const migrations = more('900-index', {
        transaction: false,
        up: (session) => createIndexConcurrently(session, 'messages_by_id', 'messages (id)'),
      });
      const writer = await holdLock(
        "insert into messages (conversation_id, seq, id, sender_id, client_message_id) values (gen_random_uuid(), 1, gen_random_uuid(), 'a', 'b')",
      );
      const cancelled = migrate(url, { migrations });
      const pid = await eventually(async () => {
        const { rows } = await sql<{ pid: number }>`
          select pid from pg_stat_activity where query like 'create index concurrently%' and wait_event_type = 'Lock'`.execute(
          db,
        );
        if (!rows[0]) throw new Error('the index build does not wait for the writer');
        return rows[0].pid;
      });
      await sql`select pg_cancel_backend(${sql.lit(pid)})`.execute(db);
      expect(await failureOf(cancelled)).to.be.instanceOf(MigrationFailed);
      await writer.release();
      expect(await migrate(url, { migrations })).to.deep.equal(['900-index']);
      const { rows } = await sql<{ valid: boolean }>`
        select indisvalid as valid from pg_index where indexrelid = 'messages_by_id'::regclass`.execute(db);
      expect(rows).to.deep.equal([{ valid: true }]);
    });

    it('leaves contracts for --contract, and migrations of a later version unchanged', async () => {
      await migrate(url);
      const later = {
        ...more('900-expand', migration(['create table later (id int)'])),
        '800-contract': migration(['drop table dead_letters'], { phase: 'contract' }),
      };
      expect(await migrate(url, { migrations: later })).to.deep.equal(['900-expand']);
      expect(await readSchemaState(db, later)).to.deep.include({
        pendingExpands: [],
        pendingContracts: ['800-contract'],
      });
      expect(await migrate(url), 'the previous version').to.deep.equal([]);
      expect(await migrate(url, { migrations: later, contract: true })).to.deep.equal(['800-contract']);
    });
  });
});

/** The error with which the promise is rejected. */
async function failureOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('the promise resolved');
}
