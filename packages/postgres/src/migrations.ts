import type { Kysely } from 'kysely';
import * as conversationsAndMessages from './migrations/001-conversations-and-messages.ts';
import * as deadLetters from './migrations/002-dead-letters.ts';

/** One step of the schema. CONTRIBUTING.md says what is allowed in which. */
export interface Migration {
  up(db: Kysely<unknown>): Promise<void>;
  /**
   * Default: an expand, which runs while the version before this one serves. A contract takes away what earlier versions
   * need, and runs when the operator says that none of them is left.
   */
  phase?: 'contract';
  /**
   * False: what `up` does is kept statement by statement, so that it can build an index concurrently or change rows in
   * batches. It may be run again from its beginning, and is to bear that. Default: one short transaction.
   */
  transaction?: false;
}

/** By name; they run in the order of their names. */
export type Migrations = Readonly<Record<string, Migration>>;

/** Those of this version. */
export const MIGRATIONS: Migrations = {
  '001-conversations-and-messages': conversationsAndMessages,
  '002-dead-letters': deadLetters,
};
