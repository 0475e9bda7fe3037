import { UserError } from '@chat-cluster/runtime';
import { sql } from 'kysely';
import { connectProblem } from './connect-problem.ts';
import { type Database, openDatabase } from './database.ts';

/** Opens the database of a command of operators. Throws a UserError with the remedy when it cannot be used. */
export async function openForCommand(url: string, applicationName: string): Promise<Database> {
  const db = openDatabase({ url, poolSize: 1, applicationName, onError: () => {} });
  try {
    await sql`select`.execute(db);
    return db;
  } catch (error) {
    await db.destroy();
    throw new UserError(`Postgres cannot be used: ${connectProblem(error)}.`);
  }
}
