import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { repository } from '@chat-cluster/local-cluster';
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

/** Rejects when it does not reject. */
async function failureOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not fail');
}
