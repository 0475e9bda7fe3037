import { createIndexConcurrently, MIGRATIONS, type Migrations } from '@chat-cluster/postgres';
import { type Kysely, sql } from 'kysely';

const ROWS_OF_A_BATCH = 500;

/** What the version after this one might do to the schema, in every way that CONTRIBUTING.md allows to an expand. */
const NEXT: Migrations = {
  '900-edited-messages': {
    up: async (db) => {
      await sql`alter table messages add column edited_at timestamptz(3)`.execute(db);
    },
  },
  '901-labels': {
    up: async (db) => {
      await sql`create table labels (user_id text not null, label text not null, primary key (user_id, label))`.execute(
        db,
      );
      await sql`
        alter table participants add column muted_until timestamptz(3), add column label text not null default ''`.execute(
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

/** With those of this version. */
export const WITH_NEXT: Migrations = { ...MIGRATIONS, ...NEXT };

/** In batches, each a transaction of its own, so that no row is kept from a writer for long. */
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
        order by conversation_id, seq limit ${ROWS_OF_A_BATCH}
      ), changed as (
        update messages m set edited_at = created_at from batch b
        where m.conversation_id = b.conversation_id and m.seq = b.seq
      )
      select conversation_id, seq from batch order by conversation_id desc, seq desc limit 1`.execute(db);
    after = rows[0];
  }
}
