import pg from 'pg';

/** How many messages and read marks are kept as what could not be stored. */
export async function deadLetters(url: string): Promise<number> {
  const [row] = await query(url, 'select count(*)::int as n from dead_letters');
  return Number(row?.n);
}

/** One statement, or several, on a connection of its own; the rows of a single one. */
export async function query(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  // It may end between two statements, too.
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
