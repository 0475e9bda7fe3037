import { type Kysely, sql } from 'kysely';

/**
 * Revoked tokens: those of a user issued before a time, or one by its id (`jti`). A row replaces the earlier one of its
 * subject. The index serves the gateways, which read the rows that changed since their last read.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table token_revocations (
      kind text not null check (kind in ('user', 'token')),
      subject text not null check (length(subject) <= 256),
      issued_before timestamptz(3) not null,
      changed_at timestamptz(3) not null default now(),
      primary key (kind, subject)
    )`.execute(db);
  await sql`create index token_revocations_changed on token_revocations (changed_at)`.execute(db);
}
