import { freshDatabase } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { sql } from 'kysely';

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
