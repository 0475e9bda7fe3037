import type { Kysely } from 'kysely';
import { createIndexConcurrently } from '../create-index-concurrently.ts';

/**
 * Finds a message by its id, for operators. A block range index: ids are UUIDv7 and messages are appended, so the ids of
 * neighbouring pages are close to each other. It has one entry for 32 pages, made when they are full: 40 kB for 560,000
 * messages, and inserts take the same time within the noise of a measurement. A B-tree would get an entry for each
 * message. A lookup took 35 ms, mostly for the newest pages, which have no entry before the next run of autovacuum.
 */
export const transaction = false;

export async function up(db: Kysely<unknown>): Promise<void> {
  const on = 'messages using brin (id) with (pages_per_range = 32, autosummarize = on)';
  await createIndexConcurrently(db, 'messages_id', on);
}
