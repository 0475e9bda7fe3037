import { type Kysely, sql } from 'kysely';

/**
 * Accepted entries that could not be stored. `entry` is JSON as text, not jsonb: the characters that make an entry
 * unstorable (a NUL, a lone surrogate) are escaped and harmless in JSON text, but not in jsonb. The index serves the
 * list.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table dead_letters (
      id uuid primary key,
      at timestamptz(3) not null default now(),
      source text not null check (source in ('store', 'lane')),
      reason text not null check (length(reason) <= 500),
      attempts integer not null default 1,
      entry text not null check (length(entry) <= 400000)
    )`.execute(db);
  await sql`create index dead_letters_newest on dead_letters (at desc, id desc)`.execute(db);
}
