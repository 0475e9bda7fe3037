import type { ClientMessageId, SendEntry, UserId } from '@chat-cluster/contracts';
import { newConversationId, newMessageId, storeBatch } from '@chat-cluster/domain';
import {
  createConversationStore,
  createConversationWrites,
  createDeadLetters,
  createHistory,
  createMessageStore,
  createUnreadAudit,
  createUnreadCounts,
  type Database,
  MigrationFailed,
  migrate,
  openDatabase,
  SessionRefused,
} from '@chat-cluster/postgres';
import {
  emptyDatabase,
  eventually,
  freshDatabase,
  GROUP_RULES,
  newUser,
  privateServers,
  queryPostgres,
} from '@chat-cluster/testkit';
import { expect } from 'chai';
import { sql } from 'kysely';

/** Settings of a database, a role or a URL that would break the results, the plans or the durability of statements. */
const HOSTILE: Record<string, string> = {
  DateStyle: 'SQL, DMY',
  IntervalStyle: 'iso_8601',
  TimeZone: 'Asia/Kathmandu',
  bytea_output: 'escape',
  extra_float_digits: '-15',
  client_encoding: 'LATIN1',
  standard_conforming_strings: 'off',
  array_nulls: 'off',
  search_path: 'pg_catalog',
  default_transaction_isolation: 'serializable',
  default_transaction_deferrable: 'on',
  statement_timeout: '1ms',
  lock_timeout: '1ms',
  idle_in_transaction_session_timeout: '1ms',
  // Longer than it takes to apply the own settings after the connection is made.
  idle_session_timeout: '5s',
  transaction_timeout: '2s',
  row_security: 'off',
  synchronous_commit: 'off',
  plan_cache_mode: 'force_custom_plan',
  jit: 'on',
  enable_seqscan: 'on',
  enable_indexscan: 'off',
  enable_nestloop: 'off',
};
/** Settings that a URL may change: they belong to a deployment. */
const OF_URL = new Set([
  'search_path',
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
  // Not in the startup packet, since not every version has them.
  'idle_session_timeout',
  'transaction_timeout',
]);

describe('a session', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let name: string;

  beforeEach(async () => {
    database = await freshDatabase();
    name = new URL(database.url).pathname.slice(1);
  });
  afterEach(() => database.drop());

  const open = (url: string) => openDatabase({ url, poolSize: 2, applicationName: 'test', onError: () => {} });

  function withOptions(url: string, options: string): string {
    const changed = new URL(url);
    changed.searchParams.set('options', options);
    return changed.href;
  }

  /** Sends, resends, reads, and reads back, as the worker and the gateway do. */
  async function expectCore(url: string): Promise<void> {
    await using db = open(url);
    const [alice, bob] = [newUser('älice'), newUser('böb')] as [UserId, UserId];
    const conversations = createConversationStore(db);
    const { conversation, created } = await conversations.open(newConversationId(), alice, bob);
    expect([created, Date.now() - Date.parse(conversation.createdAt) < 60_000]).to.deep.equal([true, true]);
    const { id } = conversation;
    const send = (content: string | null, attachments: SendEntry['attachments'] = []): SendEntry => {
      const messageId = newMessageId();
      const clientMessageId = messageId as string as ClientMessageId;
      return {
        ...{ kind: 'send', id: messageId, conversationId: id, senderId: alice, receiverId: bob, clientMessageId },
        content,
        attachments,
      };
    };
    const store = createMessageStore(db);
    const writes = createConversationWrites(db, GROUP_RULES);
    const image = [{ url: 'https://example.com/a.png' }] as unknown as SendEntry['attachments'];
    const entries = [send('€ 🙂 \\ \' "'), send(null, image), send('NULL')];
    const first = await storeBatch({ store, writes }, entries);
    expect(first.results.map(({ kind }) => kind)).to.deep.equal(['stored', 'stored', 'stored']);
    const resent = await storeBatch(
      { store, writes },
      entries.map((entry) => ({ ...entry, id: newMessageId() })),
    );
    expect(resent.results.map(({ kind }) => kind)).to.deep.equal(['duplicate', 'duplicate', 'duplicate']);
    const history = createHistory(db);
    const [range = []] = await history.ranges([{ id, fromSeq: 1, toSeq: 3 }]);
    const strip = (messages: object[]) => messages.map((one) => ({ ...one, isRead: false }));
    expect(strip(range)).to.deep.equal(strip(first.messages));
    const unread = await createUnreadCounts(db).summaries([bob]);
    expect(unread).to.deep.equal([{ count: 3, conversations: [{ conversationId: id, count: 3 }], rooms: [] }]);
    const read = { kind: 'read' as const, conversationId: id, userId: bob, otherUserId: alice, upToSeq: 2 };
    const marked = await storeBatch({ store, writes }, [read, send('4')]);
    expect(marked.results[0]).to.deep.include({ kind: 'read', upToSeq: 2 });
    const readAt = Date.parse(marked.receipts[0]?.receipt.readAt ?? '');
    expect(Math.abs(Date.now() - readAt)).to.be.lessThan(60_000);
    const [head] = await history.heads([{ userId: bob, id }]);
    expect([head?.lastSeq, head?.readMarks.map(({ upToSeq }) => upToSeq).sort()]).to.deep.equal([4, [0, 2]]);
    const page = await history.conversations(bob, 1, undefined);
    expect(page.conversations[0]).to.deep.include({ id, unreadCount: 2, lastSeq: 4, otherUserId: alice });
    expect(await createUnreadAudit(db).ofUser(bob, undefined, 10)).to.have.length(1);
    await createDeadLetters(db).keep([{ id: newMessageId(), source: 'store', reason: '€', attempts: 1, entry: '{}' }]);
    const [letter] = await createDeadLetters(db).newest(1);
    expect(Math.abs(Date.now() - (letter?.at.getTime() ?? 0))).to.be.lessThan(60_000);
  }

  for (const [setting, value] of Object.entries(HOSTILE)) {
    it(`works when the database sets ${setting} to ${value}`, async () => {
      await sql`alter database ${sql.id(name)} set ${sql.id(setting)} = ${sql.raw(quoted(value))}`.execute(database.db);
      await expectCore(database.url);
    });
  }

  it('works when the role and the URL set all of them at once, and a commit is durable', async () => {
    const { postgres } = await privateServers();
    const role = `${name}_role`;
    await queryPostgres(postgres.url, `create role ${role} superuser login password 'x'`);
    try {
      for (const [setting, value] of Object.entries(HOSTILE)) {
        await queryPostgres(postgres.url, `alter role ${role} set ${setting} = ${quoted(value)}`);
      }
      const url = new URL(database.url);
      Object.assign(url, { username: role, password: 'x' });
      const mine = Object.entries(HOSTILE).filter(([setting]) => !OF_URL.has(setting));
      const options = mine.map(([setting, value]) => `-c ${setting}=${value.replaceAll(' ', '\\ ')}`).join(' ');
      await expectCore(withOptions(url.href, options));
      await using db = open(withOptions(url.href, options));
      const { rows } = await sql`select current_setting('synchronous_commit') as commits,
        current_setting('idle_session_timeout') as idle`.execute(db);
      expect(rows).to.deep.equal([{ commits: 'on', idle: '0' }]);
    } finally {
      await queryPostgres(postgres.url, `drop role ${role}`);
    }
  });

  it('applies the options of the URL as well: a schema and a time limit', async () => {
    await sql`create schema chat`.execute(database.db);
    const url = withOptions(database.url, '-c search_path=chat -c statement_timeout=700');
    await migrate(url);
    await expectCore(url);
    const { rows } = await sql`select from chat.messages`.execute(database.db);
    expect(rows).to.have.length(4);
    await using db = open(url);
    const settings = await sql`select current_setting('statement_timeout') as limit,
      current_setting('enable_seqscan') as scan`.execute(db);
    expect(settings.rows).to.deep.equal([{ limit: '700ms', scan: 'off' }]);
  });

  it('with the tables in a schema that only the role names, is refused by the migration', async () => {
    await sql`alter schema public rename to chat`.execute(database.db);
    await sql`create schema public`.execute(database.db);
    await sql`alter database ${sql.id(name)} set search_path = chat`.execute(database.db);
    const failure = await migrate(database.url).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(MigrationFailed);
    expect((failure as Error).message).to.include('options=-c%20search_path%3Dchat');
  });

  it('of a read-only database is refused, and an open one ends', async () => {
    await using db = openDatabase({ url: database.url, poolSize: 1, applicationName: 'test', onError: () => {} });
    const before = await pidOf(db);
    const alter = (change: string) => sql`alter database ${sql.id(name)} ${sql.raw(change)}`.execute(database.db);
    await alter('set default_transaction_read_only = on');
    await using other = open(database.url);
    const refused = await sql`select 1`.execute(other).catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(SessionRefused);
    expect((refused as Error).message).to.equal('Postgres is read-only here: default_transaction_read_only is on');
    // Reported to the client as a reload of the server's configuration is.
    const stale = await sql`set default_transaction_read_only = on`.execute(db).catch((error: unknown) => error);
    expect(stale).to.be.instanceOf(SessionRefused);
    const next = await sql`select 1`.execute(db).catch((error: unknown) => error);
    expect(next).to.be.instanceOf(SessionRefused);
    await alter('reset default_transaction_read_only');
    expect(await pidOf(db)).not.to.equal(before);
  });

  it('ends with all others of its pool when its server has become read-only', async () => {
    await using db = openDatabase({ url: database.url, poolSize: 3, applicationName: 'failover', onError: () => {} });
    const pids = await Promise.all(
      [1, 2, 3].map(() =>
        sql<{ pid: number }>`
      select pg_backend_pid() as pid, pg_sleep(0.2)`.execute(db),
      ),
    );
    const before = pids.map(({ rows }) => rows[0]?.pid);
    await sql`set default_transaction_read_only = on`.execute(db).catch(() => {});
    await eventually(async () => {
      const { rows } = await sql`
        select from pg_stat_activity where pid = any(${before}::integer[])`.execute(database.db);
      expect(rows).to.have.length(0);
    });
    // None of them is used once more.
    await Promise.all([1, 2, 3].map(() => sql`select 1`.execute(db)));
  });

  for (const [what, codes, ends] of [
    ['that it is of no use', ['08006', '25006', '26000', '53300', '57P01'], true],
    ['another fault', ['22021', '40001', '53100', '57014'], false],
  ] as const) {
    it(`${ends ? 'ends' : 'continues'} after a statement that fails with ${what}`, async () => {
      await using db = openDatabase({ url: database.url, poolSize: 1, applicationName: 'test', onError: () => {} });
      for (const code of codes) {
        const before = await pidOf(db);
        const raise = sql.raw(`do $$ begin raise exception 'made up' using errcode = '${code}'; end $$`);
        await raise.execute(db).catch(() => {});
        expect((await pidOf(db)) !== before, code).to.equal(ends);
      }
    });
  }

  async function pidOf(db: Database): Promise<number | undefined> {
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db);
    return rows[0]?.pid;
  }
});

describe('a database that is not in UTF8', () => {
  for (const encoding of ['LATIN1', 'SQL_ASCII']) {
    it(`(${encoding}) is refused by the migration, with the remedy`, async () => {
      const { postgres } = await privateServers();
      const name = `test_${encoding.toLowerCase()}`;
      await queryPostgres(
        postgres.url,
        `create database ${name} encoding '${encoding}' locale_provider libc locale 'C' template template0`,
      );
      try {
        const url = new URL(postgres.url);
        url.pathname = `/${name}`;
        const failure = await migrate(url.href).catch((error: unknown) => error);
        expect(failure).to.be.instanceOf(MigrationFailed);
        expect((failure as Error).message).to.match(new RegExp(`encoding of the database is ${encoding}.*template0`));
      } finally {
        await queryPostgres(postgres.url, `drop database ${name} with (force)`);
      }
    });
  }
});

describe('a migration that changes the type of a column', () => {
  it('is invisible to statements that were prepared before it', async () => {
    const { url, drop } = await emptyDatabase();
    const db = openDatabase({ url, poolSize: 1, applicationName: 'test', onError: () => {} });
    try {
      await queryPostgres(url, 'create table t (id int primary key, v int); insert into t values (1, 7)');
      const read = () => sql`select id, v from t`.execute(db).then(({ rows }) => rows);
      expect(await read()).to.deep.equal([{ id: 1, v: 7 }]);
      await queryPostgres(url, 'alter table t alter column v type text');
      expect(await read()).to.deep.equal([{ id: 1, v: '7' }]);
      await queryPostgres(url, 'alter table t alter column v type int using v::int');
      expect(await read()).to.deep.equal([{ id: 1, v: 7 }]);
    } finally {
      await db.destroy();
      await drop();
    }
  });
});

/** A list of names stays a list. */
function quoted(value: string): string {
  return /,/.test(value) ? value : `'${value}'`;
}
