import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { repository } from '@chat-cluster/local';
import {
  createIndexConcurrently,
  MIGRATIONS,
  type Migration,
  MigrationFailed,
  type Migrations,
  migrate,
  NotNow,
  openForMigrations,
  readSchemaState,
} from '@chat-cluster/postgres';
import { emptyDatabase, eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import { expandProblems, snapshot } from './expand-rules.ts';

const COMMAND = join(repository, 'packages/postgres/src/migrate.ts');
const NAMES = Object.keys(MIGRATIONS);

/** As a migration makes it, with what a test wants to be different. */
function migration(statements: readonly string[], rest: Omit<Migration, 'up'> = {}): Migration {
  return {
    ...rest,
    up: async (db) => {
      for (const statement of statements) await sql.raw(statement).execute(db);
    },
  };
}

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

  /** Holds a lock in a transaction of its own until `release` is called. */
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
    it('run by four processes at once on an empty database, runs each once; --status tells before and after', async () => {
      const before = await run('--status');
      expect(before).to.include({ code: 3, out: NAMES.map((name) => `to come  ${name}\n`).join('') });
      const runs = await Promise.all(Array.from({ length: 4 }, () => run()));
      expect(runs.map(({ code, err }) => `${code} ${err}`)).to.deep.equal(Array(4).fill('0 '));
      const ran = runs.flatMap(({ out }) => out.match(/(?<=^migrated: )\S+/gm) ?? []);
      expect(ran).to.deep.equal(NAMES);
      const { done, expandsToCome } = await readSchemaState(db);
      expect([done.map(({ name }) => name), expandsToCome]).to.deep.equal([NAMES, []]);
    });

    it('ends with 4 and a sentence when another run does not end, or Postgres does not answer', async () => {
      await db.connection().execute(async (session) => {
        await sql`select pg_advisory_lock(3853314791062309107)`.execute(session);
        const waited = await run('--wait', '0');
        expect(waited).to.include({ code: 4, out: 'another run is at work: waiting up to 0 s for its end\n' });
        expect(waited.err).to.match(/still holds the lock/);
      });
      url = 'postgres://chat@127.0.0.1:1/chat';
      const lost = await run();
      expect(lost.code).to.equal(4);
      expect(lost.err).to.match(/^Postgres does not answer: .*ECONNREFUSED.*\. Start it, or correct DATABASE_URL\.\n$/);
    });

    it('helps, and refuses what it does not know with 2', async () => {
      const [help, wrong] = await Promise.all([run('--help'), run('--attempts', 'x')]);
      expect(help.code).to.equal(0);
      expect(help.out).to.include('--contract');
      expect(wrong).to.include({ code: 2, out: '' });
    });
  });

  describe('a run', () => {
    it('waits for a table no longer than 1.5 s at a time, so that others have their turn, and tries again', async () => {
      await migrate(url);
      const { release } = await holdLock('select from messages');
      const said: string[] = [];
      const running = migrate(url, {
        migrations: more('900-column', migration(['alter table messages add column note text'])),
        say: (line) => said.push(line),
      });
      await eventually(() => expect(said.join()).to.match(/did not get the lock .* try 2 of 10/));
      // Nobody waits behind it now.
      const queued = await sql`select from pg_locks where not granted`.execute(db);
      expect(queued.rows).to.deep.equal([]);
      await release();
      expect(await running).to.deep.equal(['900-column']);
    });

    it('gives up at last, keeps nothing, and says who is in the way', async () => {
      await migrate(url);
      const { release } = await holdLock('select from messages');
      const statements = ['create table half (id int)', 'alter table messages add column note text'];
      const failure = await failureOf(
        migrate(url, { attempts: 1, migrations: more('900-two', migration(statements)) }),
      );
      await release();
      expect(failure).to.be.instanceOf(NotNow);
      expect(failure.message).to.match(/oldest transactions: chat-migrate for \d+ s \(pid \d+\)\. Tried 1 times/);
      const { rows } = await sql<{ half: unknown }>`select to_regclass('half') as half`.execute(db);
      expect(rows[0]?.half).to.equal(null);
    });

    it('builds an index beside a writer, and anew when an earlier try was cut off', async () => {
      await migrate(url);
      const migrations = more('900-index', {
        transaction: false,
        up: (session) => createIndexConcurrently(session, 'messages_by_id', 'messages (id)'),
      });
      const writer = await holdLock(
        "insert into messages (conversation_id, seq, id, sender_id, client_message_id) values (gen_random_uuid(), 1, gen_random_uuid(), 'a', 'b')",
      );
      const cut = migrate(url, { migrations });
      const pid = await eventually(async () => {
        const { rows } = await sql<{ pid: number }>`
          select pid from pg_stat_activity where query like 'create index concurrently%' and wait_event_type = 'Lock'`.execute(
          db,
        );
        if (!rows[0]) throw new Error('it does not wait for the writer');
        return rows[0].pid;
      });
      await sql`select pg_cancel_backend(${sql.lit(pid)})`.execute(db);
      expect(await failureOf(cut)).to.be.instanceOf(MigrationFailed);
      await writer.release();
      expect(await migrate(url, { migrations })).to.deep.equal(['900-index']);
      const { rows } = await sql<{ valid: boolean }>`
        select indisvalid as valid from pg_index where indexrelid = 'messages_by_id'::regclass`.execute(db);
      expect(rows).to.deep.equal([{ valid: true }]);
    });

    it('leaves contracts for --contract, and what a later version has done alone', async () => {
      await migrate(url);
      const later = {
        ...more('900-expand', migration(['create table later (id int)'])),
        '800-contract': migration(['drop table dead_letters'], { phase: 'contract' }),
      };
      expect(await migrate(url, { migrations: later })).to.deep.equal(['900-expand']);
      expect(await readSchemaState(db, later)).to.deep.include({
        expandsToCome: [],
        contractsToCome: ['800-contract'],
      });
      expect(await migrate(url), 'the version before').to.deep.equal([]);
      expect(await migrate(url, { migrations: later, contract: true })).to.deep.equal(['800-contract']);
    });
  });
});

describe('a migration that expands', () => {
  let drop: () => Promise<void>;
  let db: Kysely<unknown>;
  const statements: string[] = [];

  before(async () => {
    const database = await emptyDatabase();
    drop = database.drop;
    const dialect = new PostgresDialect({ pool: new pg.Pool({ connectionString: database.url, max: 1 }) });
    db = new Kysely({ dialect, log: ({ query }) => void statements.push(query.sql) });
  });
  after(async () => {
    await db.destroy();
    await drop();
  });

  /** Runs it, and holds what has become of the schema against the rules. */
  async function problemsOf({ up, transaction }: Migration, where = db): Promise<string[]> {
    const was = await snapshot(where);
    statements.length = 0;
    await up(where);
    const ran = { statements: [...statements], transaction: transaction !== false };
    return expandProblems(was, await snapshot(where), ran);
  }

  /** As `problemsOf`, and as if it had never been. */
  async function problemsOfTrial(one: Migration): Promise<string[]> {
    let problems: string[] = [];
    await db
      .transaction()
      .execute(async (tx) => {
        problems = await problemsOf(one, tx);
        throw new Error('rolled back');
      })
      .catch((error: Error) => {
        if (error.message !== 'rolled back') throw error;
      });
    return problems;
  }

  it('is what each of this version is, unless it says that it contracts', async () => {
    for (const [name, one] of Object.entries(MIGRATIONS)) {
      if (one.phase === 'contract') await one.up(db);
      else expect(await problemsOf(one), name).to.deep.equal([]);
    }
  });

  const planted: Record<string, string> = {
    'messages is gone': 'alter table messages rename to texts',
    'messages.content is gone': 'alter table messages drop column content',
    'messages.content has another type': 'alter table messages alter column content type varchar(9000)',
    'conversations.kind has lost its default': 'alter table conversations alter column kind drop default',
    'messages.content is now not null': 'alter table messages alter column content set not null',
    'messages.note is not null without a default': 'alter table messages add column note text not null',
    'messages was written anew': 'alter table messages add column note uuid default gen_random_uuid()',
    'messages_size is checked for every row under a lock':
      'alter table messages add constraint messages_size check (length(content) < 9)',
    'messages_by_id locks messages while it is built': 'create index messages_by_id on messages (id)',
    'messages_by_id refuses what was allowed': 'create unique index messages_by_id on messages (id)',
    'rows are changed in one transaction: update messages set content = null': 'update messages set content = null',
    'a table is locked: lock table messages': 'lock table messages',
  };
  for (const [problem, statement] of Object.entries(planted)) {
    it(`is refused when ${problem}`, async () => {
      expect(await problemsOfTrial(migration([statement]))).to.include(problem);
    });
  }

  it('may add columns and tables at once, and indexes and constraints beside writers', async () => {
    const quick = migration([
      "alter table messages add column note text, add column form text not null default 'plain'",
      'alter table messages add constraint messages_note check (length(note) < 9) not valid',
      'create table notes (id uuid primary key, note text not null)',
      'create unique index notes_note on notes (note)',
    ]);
    expect(await problemsOf(quick)).to.deep.equal([]);
    const beside = [
      'create index concurrently messages_by_id on messages (id)',
      "update messages set note = '' where note is null",
      'alter table messages validate constraint messages_note',
    ];
    expect(await problemsOf(migration(beside, { transaction: false }))).to.deep.equal([]);
  });
});

/** Rejects when it does not reject. */
async function failureOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not fail');
}
