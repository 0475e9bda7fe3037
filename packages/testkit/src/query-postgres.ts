import pg from 'pg';

/**
 * Runs one statement, with values for `$1`, `$2` …, or several statements on a new connection. Resolves with the rows of
 * a single statement.
 */
export async function queryPostgres(
  url: string,
  statement: string,
  values?: readonly unknown[],
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  // The connection may also end between two statements.
  client.on('error', () => {});
  await client.connect();
  try {
    // A text of several statements has several results.
    const results: pg.QueryResult | pg.QueryResult[] = await client.query(statement, values && [...values]);
    return Array.isArray(results) ? [] : results.rows;
  } finally {
    await client.end();
  }
}
