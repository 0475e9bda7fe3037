import { isTooSlow } from '@chat-cluster/postgres';
import { freshDatabase } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { sql } from 'kysely';

describe('a hanging server process', () => {
  it('fails its statement, and its connection is not used again', async () => {
    const database = await freshDatabase();
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(database.db);
    const { pid = 0 } = rows[0] ?? {};
    process.kill(pid, 'SIGSTOP');
    try {
      const errors = await sql`select 1`.execute(database.db).then(
        () => [],
        (error: unknown) => [error],
      );
      expect(errors.map(isTooSlow)).to.deep.equal([true]);
      const after = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(database.db);
      expect(after.rows[0]?.pid).not.to.equal(pid);
    } finally {
      process.kill(pid, 'SIGCONT');
      await database.drop();
    }
  });
});

describe('a connection that breaks', () => {
  it('between two statements of a transaction fails only that transaction', async () => {
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
