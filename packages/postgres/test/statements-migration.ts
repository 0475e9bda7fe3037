import type { Migration } from '@chat-cluster/postgres';
import { sql } from 'kysely';

/** A migration that runs these statements; `rest`: its phase and transaction. */
export function migration(statements: readonly string[], rest: Omit<Migration, 'up'> = {}): Migration {
  return {
    ...rest,
    up: async (db) => {
      for (const statement of statements) await sql.raw(statement).execute(db);
    },
  };
}
