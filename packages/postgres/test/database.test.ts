import { isTooSlow } from '@chat-cluster/postgres';
import { freshDatabase } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { sql } from 'kysely';

describe('a server process that hangs', () => {
  it('fails the statement that it has, and is left alone from then on', async () => {
    const database = await freshDatabase();
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(database.db);
    const { pid = 0 } = rows[0] ?? {};
    process.kill(pid, 'SIGSTOP');
    try {
      const faults = await sql`select 1`.execute(database.db).then(
        () => [],
        (error: unknown) => [error],
      );
      expect(faults.map(isTooSlow)).to.deep.equal([true]);
      const after = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(database.db);
      expect(after.rows[0]?.pid).not.to.equal(pid);
    } finally {
      process.kill(pid, 'SIGCONT');
      await database.drop();
    }
  });
});

describe('a connection that is cut', () => {
  it('between two statements of a transaction fails that transaction, and nothing else', async () => {
    const database = await freshDatabase();
    try {
      const faults: unknown[] = [];
      await database.db
        .transaction()
        .execute(async (tx) => {
          const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx);
          await sql`select pg_terminate_backend(${rows[0]?.pid}::int, 5000)`.execute(database.db);
          await sql`select 1`.execute(tx);
        })
        .catch((error: unknown) => faults.push(error));
      expect(faults).to.have.length(1);
      const { rows } = await sql<{ one: number }>`select 1 as one`.execute(database.db);
      expect(rows).to.deep.equal([{ one: 1 }]);
    } finally {
      await database.drop();
    }
  });
});
