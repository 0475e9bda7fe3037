import pg from 'pg';

/** Runs one or several statements on a new connection. Resolves with the rows of a single statement. */
export async function query(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  // The connection may also end between two statements.
  client.on('error', () => {});
  await client.connect();
  try {
    // A text of several statements has several results.
    const results: pg.QueryResult | pg.QueryResult[] = await client.query(statement);
    return Array.isArray(results) ? [] : results.rows;
  } finally {
    await client.end();
  }
}

/** Number of messages and read marks that are kept as dead letters. */
export async function countDeadLetters(url: string): Promise<number> {
  const [row] = await query(url, 'select count(*)::int as n from dead_letters');
  return Number(row?.n);
}
