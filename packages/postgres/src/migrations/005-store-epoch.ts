import { type Kysely, sql } from 'kysely';

/**
 * The epoch of the store, in one row: an identity of the history that a restore to an earlier state replaces. Gateways
 * count `beats`, so that a count below one that was seen before shows such a restore.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table store_epoch (
      id smallint primary key default 1 check (id = 1),
      epoch uuid not null default gen_random_uuid(),
      renewed_at timestamptz(3) not null default now(),
      beats bigint not null default 0
    )`.execute(db);
  await sql`insert into store_epoch default values`.execute(db);
}
