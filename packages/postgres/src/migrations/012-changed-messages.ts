import { type Kysely, sql } from 'kysely';
import { createIndexConcurrently } from '../create-index-concurrently.ts';

/** Finds the changed messages of a conversation by `rev`. Messages without a change are not in the index. */
export const transaction = false;

export async function up(db: Kysely<unknown>): Promise<void> {
  await createIndexConcurrently(db, 'messages_rev', 'messages (conversation_id, rev) where rev > 0');
  await sql`alter table conversations validate constraint conversations_kind_check`.execute(db);
}
