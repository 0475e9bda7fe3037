import {
  migrate,
  openDatabase,
  SessionRefused,
  TransactionPooling,
  usesTransactionPooling,
} from '@chat-cluster/postgres';
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
});
