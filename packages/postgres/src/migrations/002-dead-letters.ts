import { type Kysely, sql } from 'kysely';

/**
 * What was accepted and could not be stored. `entry` is JSON as text, not jsonb: what made an entry poison (a NUL, a lone
 * surrogate) is escaped in JSON text and harmless there, but not in jsonb. The index is the order of a list.
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
