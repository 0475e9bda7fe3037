/*
 * The migration command of packages/postgres, as the version after this one might run it: with additional migrations of
 * every kind that CONTRIBUTING.md permits in an expand step.
 */
import { createIndexConcurrently, MIGRATIONS, type Migrations, migrateCommand } from '@chat-cluster/postgres';
import { runMain } from '@chat-cluster/runtime';
import { type Kysely, sql } from 'kysely';

const ROWS_PER_BATCH = 500;

const NEXT: Migrations = {
  '900-pinned-messages': {
    up: async (db) => {
      await sql`alter table messages add column pinned_at timestamptz(3)`.execute(db);
    },
  },
  '901-labels': {
    up: async (db) => {
      await sql`create table labels (user_id text not null, label text not null, primary key (user_id, label))`.execute(
        db,
      );
      await sql`
        alter table participants add column snoozed_until timestamptz(3), add column label text not null default ''`.execute(
        db,
      );
    },
  },
  '902-messages-by-id': {
    transaction: false,
    up: async (db) => {
      await createIndexConcurrently(db, 'messages_by_id', 'messages (conversation_id, id)');
      await backfill(db);
    },
  },
};

await runMain(async () => {
  process.exitCode = await migrateCommand(process.argv.slice(2), { ...MIGRATIONS, ...NEXT });
});

/** Fills a column in batches. Each batch is a transaction, so that it locks its rows only briefly. */
async function backfill(db: Kysely<unknown>): Promise<void> {
  let after: { conversation_id: string; seq: string } | undefined = {
    conversation_id: '00000000-0000-0000-0000-000000000000',
    seq: '0',
  };
  while (after) {
    const { rows } = await sql<{ conversation_id: string; seq: string }>`
      with batch as (
        select conversation_id, seq from messages
        where (conversation_id, seq) > (${after.conversation_id}::uuid, ${after.seq}::bigint)
        order by conversation_id, seq limit ${ROWS_PER_BATCH}
      ), changed as (
        update messages m set pinned_at = created_at from batch b
        where m.conversation_id = b.conversation_id and m.seq = b.seq
      )
      select conversation_id, seq from batch order by conversation_id desc, seq desc limit 1`.execute(db);
    after = rows[0];
  }
}
