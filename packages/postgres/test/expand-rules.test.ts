import { MIGRATIONS, type Migration } from '@chat-cluster/postgres';
import { emptyDatabase } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { expandProblems, snapshot } from './expand-rules.ts';
import { migration } from './statements-migration.ts';

describe('a migration that expands', () => {
  let drop: () => Promise<void>;
  let db: Kysely<unknown>;
  const statements: string[] = [];

  before(async () => {
    const database = await emptyDatabase();
    drop = database.drop;
    // Dropping the database may end a connection that is still closing: without a listener that error ends the process.
    const pool = new pg.Pool({ connectionString: database.url, max: 1 }).on('error', () => {});
    const dialect = new PostgresDialect({ pool });
    db = new Kysely({ dialect, log: ({ query }) => void statements.push(query.sql) });
  });
  after(async () => {
    await db.destroy();
    await drop();
  });

  /** Runs the migration and checks the changes of the schema. */
  async function problemsOf({ up, transaction }: Migration, where = db): Promise<string[]> {
    const was = await snapshot(where);
    statements.length = 0;
    await up(where);
    const ran = { statements: [...statements], transaction: transaction !== false };
    return expandProblems(was, await snapshot(where), ran);
  }

  /** As `problemsOf`, then rolled back. */
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

  it('is each migration of this version that is not a contract', async () => {
    for (const [name, one] of Object.entries(MIGRATIONS)) {
      if (one.phase === 'contract') await one.up(db);
      else expect(await problemsOf(one), name).to.deep.equal([]);
    }
  });

  const violations: Record<string, string> = {
    'messages is gone': 'alter table messages rename to texts',
    'messages.content is gone': 'alter table messages drop column content',
    'messages.content has another type': 'alter table messages alter column content type varchar(9000)',
    'conversations.kind has lost its default': 'alter table conversations alter column kind drop default',
    'messages.content is now not null': 'alter table messages alter column content set not null',
    'messages.note is not null without a default': 'alter table messages add column note text not null',
    'messages was rewritten': 'alter table messages add column note uuid default gen_random_uuid()',
    'messages_size is checked for every row under a lock':
      'alter table messages add constraint messages_size check (length(content) < 9)',
    'messages_by_id locks messages while it is built': 'create index messages_by_id on messages (id)',
    'messages_by_id rejects rows that were allowed': 'create unique index messages_by_id on messages (id)',
    'rows are changed in one transaction: update messages set content = null': 'update messages set content = null',
    'a table is locked: lock table messages': 'lock table messages',
  };
  for (const [problem, statement] of Object.entries(violations)) {
    it(`is rejected when ${problem}`, async () => {
      expect(await problemsOfTrial(migration([statement]))).to.include(problem);
    });
  }

  it('may add columns and tables in a transaction, and indexes and constraints beside writers', async () => {
    const inTransaction = migration([
      "alter table messages add column note text, add column form text not null default 'plain'",
      'alter table messages add constraint messages_note check (length(note) < 9) not valid',
      'create table notes (id uuid primary key, note text not null)',
      'create unique index notes_note on notes (note)',
    ]);
    expect(await problemsOf(inTransaction)).to.deep.equal([]);
    const beside = [
      'create index concurrently messages_by_id on messages (id)',
      "update messages set note = '' where note is null",
      'alter table messages validate constraint messages_note',
    ];
    expect(await problemsOf(migration(beside, { transaction: false }))).to.deep.equal([]);
  });
});
