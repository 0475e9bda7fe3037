import { queryPostgres } from '@chat-cluster/testkit';

/** Number of messages and read marks that are kept as dead letters. */
export async function countDeadLetters(url: string): Promise<number> {
  const [row] = await queryPostgres(url, 'select count(*)::int as n from dead_letters');
  return Number(row?.n);
}
