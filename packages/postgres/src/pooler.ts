import { UserError } from '@chat-cluster/runtime';
import pg from 'pg';

/** Statements of one session do not run in one session of Postgres. The message states the fix. */
export class TransactionPooling extends UserError {
  override name = 'TransactionPooling';
  code = 'TRANSACTION_POOLING';

  constructor() {
    super(
      'DATABASE_URL leads to a pooler that changes the session after each transaction: set pool_mode = session ' +
        '(PgBouncer), or use the address of Postgres itself',
    );
  }
}

/** Rounds of the test for transaction pooling. */
const ROUNDS = 3;
/** Time limit for each connection, in ms. */
const CONNECT_TIMEOUT_MS = 2_000;

/**
 * Whether `url` leads to a pooler that assigns a session of Postgres for one transaction only. Settings, prepared
 * statements and locks of the chat belong to a session. Rejects when Postgres does not respond.
 *
 * While one connection is in a transaction, a second one must keep its own session of Postgres, which the first must
 * not get. A server without a pooler is recognised by the first connection: it names its true process id at the start.
 */
export async function usesTransactionPooling(url: string): Promise<boolean> {
  const [idle, busy] = [newClient(url), newClient(url)];
  try {
    await idle.connect();
    const own = await sessionOf(idle);
    if (own === (idle as unknown as { processID: number }).processID) return false;
    await busy.connect();
    for (let round = 0; round < ROUNDS; round++) {
      await busy.query('begin');
      const other = await sessionOf(busy);
      const again = await sessionOf(idle);
      await busy.query('commit');
      if (other === own || again !== own) return true;
    }
    return false;
  } finally {
    await Promise.all([idle.end(), busy.end()]).catch(() => {});
  }
}

/** Without any setting of a session, which would remain in the sessions of others. */
function newClient(url: string): pg.Client {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'chat-pooler-check',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  client.on('error', () => {});
  return client;
}

/** Process id of the session of Postgres. */
async function sessionOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid ?? 0;
}
