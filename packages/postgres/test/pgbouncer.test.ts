import {
  connectProblem,
  migrate,
  openDatabase,
  openForCommand,
  SessionRefused,
  TransactionPooling,
  usesTransactionPooling,
} from '@chat-cluster/postgres';
import { UserError } from '@chat-cluster/runtime';
import { emptyDatabase, type PgBouncer, privateServers, queryPostgres, startPgBouncer } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { sql } from 'kysely';

describe('PgBouncer', () => {
  let database: Awaited<ReturnType<typeof emptyDatabase>>;
  let pooler: PgBouncer | undefined;

  beforeEach(async () => {
    database = await emptyDatabase();
  });
  afterEach(async () => {
    await pooler?.[Symbol.asyncDispose]();
    pooler = undefined;
    await database.drop();
  });

  async function through(changes: Record<string, string> = {}): Promise<string> {
    const { postgres } = await privateServers();
    pooler = await startPgBouncer(postgres.url, changes);
    return pooler.through(database.url);
  }
  const open = (url: string) => openDatabase({ url, poolSize: 2, applicationName: 'test', onError: () => {} });
  const failureOf = (work: Promise<unknown>) =>
    work.then(
      () => undefined,
      (error: unknown) => error,
    );

  it('in session mode runs migrations, and sessions have the settings of the chat and the options of the URL', async () => {
    const name = new URL(database.url).pathname.slice(1);
    await queryPostgres(database.url, `alter database ${name} set DateStyle = 'SQL, DMY'`);
    await queryPostgres(database.url, `alter database ${name} set enable_seqscan = on`);
    const url = new URL(await through());
    expect(await usesTransactionPooling(url.href)).to.equal(false);
    expect(await migrate(url.href)).not.to.deep.equal([]);
    url.searchParams.set('options', '-c statement_timeout=700 -c application_name=a\\ b');
    await using db = open(url.href);
    const { rows } = await sql`select current_setting('DateStyle') as dates, current_setting('enable_seqscan') as scan,
      current_setting('statement_timeout') as limit`.execute(db);
    expect(rows).to.deep.equal([{ dates: 'ISO, YMD', scan: 'off', limit: '700ms' }]);
  });

  it('in transaction mode is recognised, and migrations refuse it', async () => {
    const url = await through({ pool_mode: 'transaction' });
    expect(await usesTransactionPooling(url)).to.equal(true);
    const failure = await failureOf(migrate(url));
    expect(failure).to.be.instanceOf(TransactionPooling);
    expect((failure as Error).message).to.match(/^DATABASE_URL .*pool_mode = session/);
    expect(await usesTransactionPooling(database.url), 'Postgres itself').to.equal(false);
  });

  it('that refuses options is reported with the setting to change', async () => {
    const url = await through({ ignore_startup_parameters: '' });
    await using db = open(url);
    const failure = await failureOf(sql`select 1`.execute(db));
    expect(failure).to.be.instanceOf(SessionRefused);
    expect((failure as Error).message).to.match(/^DATABASE_URL .*ignore_startup_parameters = options/);
  });

  it('that changes to transaction mode under a running process is reported with the setting to change', async () => {
    // One session of Postgres for both connections, so that each finds the prepared statements of the other.
    const url = await through({ pool_mode: 'transaction', default_pool_size: '1', server_reset_query: '' });
    await using one = open(url);
    await using other = open(url);
    const query = (db: typeof one, i: number) => sql`select ${i}::integer as ${sql.ref(`n${i}`)}`.execute(db);
    await failureOf(query(one, 1));
    const failure = await failureOf(query(other, 1));
    expect(connectProblem(failure)).to.match(/^(42P05|26000): .*; set pool_mode = session in pgbouncer.ini/);
  });

  it('that has another password than Postgres, or does not know the user, is reported with the place of the password', async () => {
    const url = new URL(await through());
    for (const [part, value] of [
      ['password', 'another'],
      ['username', 'nobody'],
    ] as const) {
      url[part] = value;
      await using db = open(url.href);
      const problem = connectProblem(await failureOf(sql`select 1`.execute(db)));
      expect(problem).to.match(/; correct the user and the password of DATABASE_URL.*userlist\.txt/);
      const failure = await failureOf(openForCommand(url.href, 'test'));
      expect(failure).to.be.instanceOf(UserError);
      expect((failure as Error).message).to.match(/^Postgres cannot be used: .*userlist\.txt/);
    }
  });

  it('that has too few connections to Postgres is reported with the setting to change', async () => {
    const url = await through({ default_pool_size: '1', query_wait_timeout: '1' });
    await using holder = open(url);
    await using db = open(url);
    await holder.connection().execute(async (held) => {
      await sql`select 1`.execute(held);
      const problem = connectProblem(await failureOf(sql`select 1`.execute(db)));
      expect(problem).to.match(/; raise default_pool_size in pgbouncer.ini/);
    });
  });
});
